#!/usr/bin/env python3
"""Draws the sample photographs of this folder: landscapes that never were.

    generate.py [FOLDER]

Needs Debian's python3-numpy and python3-pil. Each picture has a random seed of its own, so that
the same ones come out every time.
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 1440, 960
QUALITY = 80
ORIENTATION_TAG = 0x0112


def noise(rng, width, height, octaves=6, first=4, fall=0.5):
    """Clouds of values from 0 to 1: random grids, finer and weaker from octave to octave."""
    total = np.zeros((height, width))
    strength, cells = 1.0, first
    for _ in range(octaves):
        rows = max(2, cells * height // max(width, 1) + 1)
        grid = (rng.random((rows, cells + 1)) * 255).astype(np.uint8)
        smooth = Image.fromarray(grid).resize((width, height), Image.BICUBIC)
        total += strength * np.asarray(smooth) / 255
        strength, cells = strength * fall, cells * 2
    total -= total.min()
    return total / total.max()


def line(rng, width, octaves=7, first=3, fall=0.5):
    """The same along one line, such as a ridge."""
    total = np.zeros(width)
    strength, cells = 1.0, first
    for _ in range(octaves):
        points = np.interp(np.linspace(0, cells, width), np.arange(cells + 1),
                           rng.random(cells + 1))
        total += strength * points
        strength, cells = strength * fall, cells * 2
    total -= total.min()
    return total / total.max()


def color(value):
    return np.array([int(value[i:i + 2], 16) for i in (1, 3, 5)], dtype=float)


def gradient(stops, width=WIDTH, height=HEIGHT):
    """Colours from top to bottom."""
    where = np.linspace(0, 1, len(stops))
    down = np.linspace(0, 1, height)
    column = np.stack([np.interp(down, where, [color(s)[c] for s in stops]) for c in range(3)], 1)
    return np.repeat(column[:, None, :], width, axis=1)


def blend(image, paint, amount):
    return image + (np.asarray(paint) - image) * amount[..., None]


def coordinates(width=WIDTH, height=HEIGHT):
    y, x = np.mgrid[0:height, 0:width]
    return x / width, y / height


def glow(x, y, at_x, at_y, size, ratio=WIDTH / HEIGHT):
    return np.exp(-(((x - at_x) * ratio) ** 2 + (y - at_y) ** 2) / size ** 2)


def ridges(image, rng, layers, roughness=0.5):
    """Mountains one behind the other: (height of the foot, height of the peaks, colour, mist)."""
    height, width = image.shape[:2]
    _, y = coordinates(width, height)
    for foot, peaks, paint, mist in layers:
        ridge = foot - peaks * line(rng, width, fall=roughness)
        inside = np.clip((y - ridge[None, :]) * height, 0, 1)
        depth = np.clip((y - ridge[None, :]) / 0.25, 0, 1)
        rock = color(paint) * (0.86 + 0.28 * noise(rng, width, height, 6, 12, 0.6))[..., None]
        image = blend(image, blend(rock, color(mist), depth * 0.8), inside)
    return image


def stars(image, rng, count, limit=1.0):
    height, width = image.shape[:2]
    light = np.zeros((height, width))
    xs, ys = rng.integers(0, width, count), (rng.random(count) ** 1.3 * height * limit).astype(int)
    light[ys, xs] = rng.random(count) ** 4
    soft = Image.fromarray((light * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
    return image + np.asarray(soft)[..., None] * 2.2


def alpine_dusk(rng):
    x, y = coordinates()
    image = gradient(["#243a6b", "#7a5c94", "#e48f7a", "#ffd9a0", "#ffe9c4"])
    image = blend(image, color("#ffd6b0"), 0.5 * noise(rng, WIDTH, HEIGHT, 6, 3) ** 2 * (1 - y))
    image += 80 * glow(x, y, 0.68, 0.5, 0.22)[..., None]
    return ridges(image, rng, [(0.66, 0.34, "#8b6f9e", "#f2bfa0"), (0.74, 0.27, "#62598c", "#d7a59c"),
                               (0.84, 0.24, "#3f4473", "#9a82a0"), (0.98, 0.26, "#1f2749", "#3a3d63")])


def ocean_sunset(rng):
    x, y = coordinates()
    image = gradient(["#2b3f74", "#a7577b", "#f58f55", "#ffd37a", "#ffe9a8"], height=HEIGHT)
    clouds = np.clip(noise(rng, WIDTH, HEIGHT, 7, 4) * 2.2 - 1.0, 0, 1) * np.clip(1.1 - y * 1.6, 0, 1)
    image = blend(image, color("#5b3a63"), clouds * 0.7)
    image = blend(image, color("#fff6d8"), np.clip(glow(x, y, 0.4, 0.55, 0.055) * 3, 0, 1))
    image += 70 * glow(x, y, 0.4, 0.55, 0.3)[..., None]
    below = np.clip((y - 0.6) * HEIGHT, 0, 1)
    far = np.clip((y - 0.6) / 0.4, 0.001, 1)
    waves = np.sin(90 / (far + 0.08) + 6 * noise(rng, WIDTH, HEIGHT, 5, 20) +
                   14 * noise(rng, WIDTH, HEIGHT, 5, 6))
    sea = color("#2a3c66") * (1 - 0.45 * far)[..., None] + 26 * waves[..., None] * (0.4 + far)[..., None]
    path = np.exp(-((x - 0.4) / (0.03 + 0.16 * far)) ** 2) * np.clip(waves + 0.5, 0, 1)
    return blend(image, blend(sea, color("#ffd08a"), np.clip(path, 0, 1)), below)


def desert_dunes(rng):
    x, y = coordinates()
    image = gradient(["#3f7fc0", "#8fb9dd", "#e8dcc4", "#f4d9a8"])
    for layer in range(6):
        foot = 0.5 + layer * 0.09
        bends = rng.uniform(1.5, 9, 4)
        crest = foot - sum(0.11 / bend * np.sin(x[0] * bend + rng.uniform(0, 6)) for bend in bends)
        depth = y - crest[None, :]
        slope = np.gradient(crest) * WIDTH
        light = np.clip(0.66 + 1.5 * slope[None, :] + 0.4 * depth, 0.3, 1.12)
        ripple = 0.03 * np.sin((depth * 420 / (0.6 + layer * 0.25)) +
                               9 * noise(rng, WIDTH, HEIGHT, 4, 5))
        sand = color("#e7a65c") * (light + ripple)[..., None]
        image = blend(image, sand, np.clip(depth * HEIGHT, 0, 1))
    return image + rng.normal(0, 3, image.shape)


def aurora(rng):
    x, y = coordinates()
    image = stars(gradient(["#050b1f", "#0a1a38", "#11304d", "#173f52"]), rng, 1500)
    for paint, height, swing in (("#4dffa6", 0.5, 0.16), ("#37d6c9", 0.42, 0.2), ("#a566ff", 0.3, 0.22)):
        curtain = height + swing * (line(rng, WIDTH, 4, 3) - 0.5)
        above = curtain[None, :] - y
        rays = 0.45 + 0.55 * line(rng, WIDTH, 8, 24, 0.8)[None, :]
        veil = np.where(above > 0, np.exp(-above / 0.17), np.exp(above / 0.02)) * rays
        image = image + color(paint) * (0.75 * veil)[..., None]
    return ridges(image, rng, [(0.84, 0.2, "#0c2230", "#12333f"), (1.0, 0.2, "#050d15", "#081722")], 0.55)


def milky_way(rng):
    width, height = HEIGHT, WIDTH
    x, y = coordinates(width, height)
    image = gradient(["#04060f", "#0a1026", "#1a2144", "#3a3355"], width, height)
    band = np.exp(-((x - 0.2 - 0.62 * (1 - y)) / 0.16) ** 2)
    dust = noise(rng, width, height, 8, 5, 0.62)
    image += (band * (dust ** 1.5) * 1.5)[..., None] * color("#b9a8d8") * 0.9
    image -= (band * np.clip(dust * 2 - 1.25, 0, 1))[..., None] * 60
    image = stars(image, rng, 4200)
    return ridges(image, rng, [(0.93, 0.16, "#10142a", "#232544"), (1.0, 0.13, "#05060c", "#0a0c18")])


def foggy_forest(rng):
    _, y = coordinates()
    image = gradient(["#dfe8ea", "#cfdcdc", "#b9cac6"])
    for layer in range(6):
        shade = 1 - layer / 6
        paint = color("#16352d") * (1 - shade) + color("#bccdc9") * shade
        foot = 0.42 + layer * 0.11
        tips = foot - 0.08 * line(rng, WIDTH, 3, 3)
        step, start = 10 + layer * 9, rng.integers(0, 20)
        for at in range(start - step, WIDTH + step, step):
            size = (0.09 + 0.035 * layer) * rng.uniform(0.7, 1.3)
            center = at + rng.integers(-step // 3, step // 3 + 1)
            reach = np.arange(max(0, center - step), min(WIDTH, center + step))
            jag = 0.012 * (0.5 + 0.2 * layer) * np.abs(np.sin(reach * 0.9))
            tree = tips[np.clip(center, 0, WIDTH - 1)] - size * (1 - np.abs(reach - center) / step) + jag
            tips[reach] = np.minimum(tips[reach], tree)
        depth = np.clip((y - tips[None, :]) / 0.3, 0, 1)
        trees = blend(np.broadcast_to(paint, image.shape), color("#cbd9d6"), depth * shade * 0.9)
        image = blend(image, trees, np.clip((y - tips[None, :]) * HEIGHT / 2, 0, 1))
    return image + rng.normal(0, 2, image.shape)


def city_night(rng):
    _, y = coordinates()
    image = stars(gradient(["#0b1030", "#27235c", "#6d3f77", "#d4706a", "#f5a76c"]), rng, 400, 0.5)
    for layer, paint in enumerate(("#3b2c58", "#221d42", "#0e0f26")):
        at = 0
        while at < WIDTH:
            size = int(rng.integers(36, 100))
            top = int(HEIGHT * (0.78 - rng.random() ** 2 * (0.42 - 0.1 * layer) + 0.06 * layer))
            image[top:, at:at + size] = color(paint)
            if layer > 0:
                for row in range(top + 10, HEIGHT - 60, 14):
                    for column in range(at + 6, min(at + size, WIDTH) - 8, 11):
                        if rng.random() < 0.36:
                            lamp = color("#ffd98a") if rng.random() < 0.8 else color("#a8d4ff")
                            image[row:row + 6, column:column + 5] = lamp * rng.uniform(0.5, 1)
            at += size + int(rng.integers(0, 12))
    shore = int(HEIGHT * 0.86)
    mirror = image[2 * shore - HEIGHT:shore][::-1]
    shift = (6 * np.sin(np.arange(HEIGHT - shore) * 0.7)).astype(int)
    for row in range(HEIGHT - shore):
        image[shore + row] = np.roll(mirror[row], shift[row], axis=0) * 0.55 + color("#12122e") * 0.3
    return image


def red_canyon(rng):
    x, y = coordinates()
    image = gradient(["#3f86c6", "#a9cfe6", "#f3e3c8"])
    for layer, (foot, peaks) in enumerate(((0.55, 0.25), (0.68, 0.3), (0.9, 0.42))):
        steps = line(rng, WIDTH, 6, 4, 0.6)
        mesa = foot - peaks * (0.7 * np.round(steps * 4) / 4 + 0.3 * steps)
        strata = np.sin(y * (110 - 18 * layer) + 5 * noise(rng, WIDTH, HEIGHT, 5, 4)) * 0.5 + 0.5
        rock = color("#b4522f") + (color("#e9a06a") - color("#b4522f")) * strata[..., None]
        crack = 0.72 + 0.4 * line(rng, WIDTH, 9, 30, 0.8)[None, :] * np.ones_like(y)
        rock = blend(rock * crack[..., None], color("#e3c3a8"), np.full_like(x, 0.5 - 0.24 * layer))
        image = blend(image, rock, np.clip((y - mesa[None, :]) * HEIGHT, 0, 1))
    return image + rng.normal(0, 4, image.shape)


def lavender_field(rng):
    x, y = coordinates()
    image = gradient(["#4a7fc4", "#8fb8e6", "#fbe6cf", "#ffdcb0"])
    cloud = np.clip(noise(rng, WIDTH, HEIGHT, 7, 5) * 2 - 0.9, 0, 1) * np.clip(0.55 - y, 0, 1) * 2
    image = blend(image, color("#ffffff"), np.clip(cloud, 0, 0.9))
    image = ridges(image, rng, [(0.56, 0.12, "#7f93b8", "#c4c9da")])
    far = np.clip((y - 0.54) / 0.46, 0.004, 1)
    across = (x - 0.56) / far
    rows = 0.5 + 0.5 * np.cos(across * 44)
    tufts = noise(rng, WIDTH, HEIGHT, 7, 90, 0.8)
    field = blend(np.broadcast_to(color("#5f6b3a"), image.shape), color("#8a5cc0"),
                  np.clip(rows * 1.4 - 0.1, 0, 1)) * (0.62 + 0.6 * tufts)[..., None]
    field = blend(field, color("#cdb7de"), np.exp(-far * 9) * 0.7)
    return blend(image, field, np.clip((y - 0.54) * HEIGHT, 0, 1))


def escape_time(real, imaginary, span, width, height, julia=None, limit=180):
    """How soon each point of the plane runs away, smoothly counted, from 0 to 1."""
    x, y = coordinates(width, height)
    z = (real + (x - 0.5) * span) + 1j * (imaginary + (y - 0.5) * span * height / width)
    c = z.copy() if julia is None else np.full_like(z, julia)
    count = np.zeros(z.shape)
    alive = np.ones(z.shape, dtype=bool)
    for step in range(limit):
        z[alive] = z[alive] ** 2 + c[alive]
        gone = alive & (np.abs(z) > 16)
        count[gone] = step + 1 - np.log2(np.log(np.abs(z[gone])))
        alive &= ~gone
    return np.where(alive, 0, np.sqrt(np.maximum(count, 0) / limit)), alive


def palette(value, stops):
    where = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(value, where, [color(s)[c] for s in stops]) for c in range(3)], -1)


def seahorse_valley(_rng):
    value, inside = escape_time(-0.7453, 0.1127, 0.0075, WIDTH, HEIGHT, limit=420)
    image = palette((value * 1.6) % 1, ["#071236", "#1f5fa8", "#e8f4ff", "#f6b24a", "#5a1c1c", "#071236"])
    return np.where(inside[..., None], color("#04060f"), image)


def julia_bloom(_rng):
    value, inside = escape_time(0, 0, 3.1, WIDTH, HEIGHT, julia=-0.79 + 0.15j, limit=260)
    image = palette(value ** 0.8, ["#12021f", "#5b1466", "#d9376e", "#ffa15c", "#fff3c9", "#ffffff"])
    return np.where(inside[..., None], color("#fff8e0"), image)


def marble_waves(rng):
    width, height = HEIGHT, WIDTH
    x, y = coordinates(width, height)
    warp = noise(rng, width, height, 6, 3)
    fold = noise(rng, width, height, 5, 4)
    value = 0.5 + 0.5 * np.sin(9 * warp + 7 * fold * (0.5 + y) + 4 * x)
    vein = np.exp(-np.abs(np.sin(14 * warp + 5 * fold)) * 22)
    image = palette(value, ["#0b3c49", "#13818d", "#7fd1c7", "#f6efe0", "#e6b566"])
    return blend(image, color("#c9963c"), vein * 0.8)


PICTURES = [alpine_dusk, ocean_sunset, desert_dunes, aurora, milky_way, foggy_forest, city_night,
            red_canyon, lavender_field, seahorse_valley, julia_bloom, marble_waves]


def save(pixels, path, on_its_side):
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    exif = Image.Exif()
    if on_its_side:
        # As a camera that was held upright: stored lying, with the turn in the EXIF data.
        picture = picture.transpose(Image.ROTATE_90)
        exif[ORIENTATION_TAG] = 6
    picture.save(path, quality=QUALITY, optimize=True, progressive=True, exif=exif.tobytes())


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, draw in enumerate(PICTURES, start=1):
        name = draw.__name__.replace("_", "-") + ".jpg"
        save(draw(np.random.default_rng(seed)), folder / name, on_its_side=draw is milky_way)
        print(f"{name}: {(folder / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()

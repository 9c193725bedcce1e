"""CSV files for the import: a year's first months of sales, made up."""

import csv
import os
import random

MONTHS = ("january", "february", "march", "april")
LATE = "march"
COLUMNS = [{"name": "sold_at", "type": "timestamptz"}, {"name": "article", "type": "text"},
           {"name": "pieces", "type": "integer"}, {"name": "amount", "type": "numeric(10,2)"}]
ARTICLES = ("Bread, sliced", "Butter", 'Cheese "Gouda"', "Coffee", "Jam", "Oat flakes")


def path(folder, month):
    return str(folder / f"{month}.csv")


def write(folder, month, rows=500):
    """In place at once, as a good neighbour delivers files."""
    number = MONTHS.index(month) + 1
    rng = random.Random(number)
    temporary = path(folder, month) + ".part"
    with open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(column["name"] for column in COLUMNS)
        for _ in range(rows):
            pieces = rng.randint(1, 9)
            writer.writerow((f"2025-{number:02}-{rng.randint(1, 28):02}T{rng.randint(8, 19):02}:"
                             f"{rng.randint(0, 59):02}:00Z", rng.choice(ARTICLES), pieces,
                             f"{pieces * rng.randint(99, 1999) / 100:.2f}"))
    os.replace(temporary, path(folder, month))


def payload(folder):
    return {"files": [path(folder, month) for month in MONTHS], "table": "demo_sales",
            "create_table": True, "columns": COLUMNS}

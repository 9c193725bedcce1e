#include "tasks/resize_image/resize_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>
#include <vips/vips8>

#include "tasks/testing/fake_task_context.h"
#include "tests/unit/tasks/temp_folder.h"

namespace millrace {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using vips::VImage;

class ResizeImageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(vips_init("tasks_test"), 0); }

  // The left half red, the right half blue.
  static VImage TwoHalves(int width, int height) {
    const VImage red =
        VImage::black(width / 2, height).new_from_image(std::vector<double>{255, 0, 0});
    const VImage blue =
        VImage::black(width / 2, height).new_from_image(std::vector<double>{0, 0, 255});
    return red.join(blue, VIPS_DIRECTION_HORIZONTAL)
        .cast(VIPS_FORMAT_UCHAR)
        .copy(VImage::option()->set("interpretation", VIPS_INTERPRETATION_sRGB));
  }

  std::string Save(const VImage& image, const std::string& name) const {
    image.write_to_file(folder_.Path(name).c_str());
    return folder_.Path(name);
  }

  static VImage Load(const std::string& path) { return VImage::new_from_file(path.c_str()); }

  json Payload(const std::string& source, const std::string& target) const {
    return {{"source", source}, {"target", folder_.Path(target)}, {"width", 100}, {"height", 100}};
  }

  static TaskResult Run(const json& payload, const ImageLimits& limits = {}) {
    FakeTaskContext context("resize_image", payload.dump());
    return ResizeImage(limits)(context);
  }

  const TempFolder folder_;
};

TEST_F(ResizeImageTest, ImageFitsTheBoxAndKeepsItsProportions) {
  const std::string source = Save(TwoHalves(400, 200), "in.png");
  const TaskResult result = Run(Payload(source, "out.jpg"));
  ASSERT_EQ(result.kind(), TaskResult::Kind::kSuccess) << result.message();
  const json about = json::parse(result.result());
  EXPECT_EQ(about["width"], 100);
  EXPECT_EQ(about["height"], 50);
  EXPECT_EQ(about["bytes"], std::filesystem::file_size(folder_.Path("out.jpg")));
  EXPECT_EQ(Load(folder_.Path("out.jpg")).width(), 100);
  EXPECT_EQ(Load(folder_.Path("out.jpg")).height(), 50);
}

TEST_F(ResizeImageTest, FormatFollowsTheEndingOfTheTarget) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  const std::vector<std::pair<std::string, std::string>> loaders = {
      {"a.jpg", "jpegload"}, {"b.JPEG", "jpegload"}, {"c.png", "pngload"}, {"d.webp", "webpload"}};
  for (const auto& [target, loader] : loaders) {
    ASSERT_EQ(Run(Payload(source, target)).kind(), TaskResult::Kind::kSuccess) << target;
    EXPECT_EQ(Load(folder_.Path(target)).get_string("vips-loader"), loader) << target;
  }
}

TEST_F(ResizeImageTest, ColoursStayAsTheyAre) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  ASSERT_EQ(Run(Payload(source, "out.png")).kind(), TaskResult::Kind::kSuccess);
  EXPECT_THAT(Load(folder_.Path("out.png")).getpoint(5, 10), testing::ElementsAre(255, 0, 0));
  EXPECT_THAT(Load(folder_.Path("out.png")).getpoint(35, 10), testing::ElementsAre(0, 0, 255));
}

TEST_F(ResizeImageTest, ColoursOfAProfileAreConvertedToThoseOfTheScreen) {
  const VImage print = TwoHalves(40, 20).icc_export(
      VImage::option()->set("output_profile", "cmyk")->set("pcs", VIPS_PCS_LAB));
  ASSERT_EQ(print.bands(), 4);
  const std::string source = Save(print, "in.jpg");
  ASSERT_EQ(Run(Payload(source, "out.png")).kind(), TaskResult::Kind::kSuccess);
  const VImage screen = Load(folder_.Path("out.png"));
  EXPECT_EQ(screen.bands(), 3);
  EXPECT_GT(screen.getpoint(5, 10)[0], 150);
  EXPECT_LT(screen.getpoint(5, 10)[2], 100);
}

TEST_F(ResizeImageTest, SmallImageIsEnlargedOnlyWhenAsked) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  json payload = Payload(source, "out.png");
  EXPECT_EQ(json::parse(Run(payload).result())["width"], 40);
  payload["enlarge"] = true;
  EXPECT_EQ(json::parse(Run(payload).result())["width"], 100);
}

TEST_F(ResizeImageTest, ImageIsTurnedUprightAsItsExifOrientationSays) {
  VImage image = TwoHalves(400, 200).copy();
  image.set("exif-ifd0-Orientation", "6 (Right-top, Short, 1 components, 2 bytes)");
  image.set("orientation", 6);
  const std::string source = Save(image, "in.jpg");
  json payload = Payload(source, "out.png");
  ASSERT_EQ(Run(payload).kind(), TaskResult::Kind::kSuccess);
  const VImage upright = Load(folder_.Path("out.png"));
  EXPECT_EQ(upright.width(), 50);
  EXPECT_EQ(upright.height(), 100);
  // What was left is on top now.
  EXPECT_GT(upright.getpoint(25, 10)[0], 200);
  EXPECT_GT(upright.getpoint(25, 90)[2], 200);
}

TEST_F(ResizeImageTest, MetadataIsLeftOutUnlessItIsToBeKept) {
  VImage image = TwoHalves(40, 20).copy();
  image.set("exif-ifd0-Artist", "someone (someone, ASCII, 8 components, 8 bytes)");
  json payload = Payload(Save(image, "in.jpg"), "out.jpg");
  ASSERT_EQ(Run(payload).kind(), TaskResult::Kind::kSuccess);
  EXPECT_THAT(folder_.Read("out.jpg"), testing::Not(HasSubstr("someone")));
  payload["strip_metadata"] = false;
  ASSERT_EQ(Run(payload).kind(), TaskResult::Kind::kSuccess);
  EXPECT_THAT(folder_.Read("out.jpg"), HasSubstr("someone"));
}

TEST_F(ResizeImageTest, TransparentPixelsBecomeWhiteInJpeg) {
  const VImage transparent = TwoHalves(40, 20).bandjoin(0.0);
  const std::string source = Save(transparent, "in.png");
  ASSERT_EQ(Run(Payload(source, "out.jpg")).kind(), TaskResult::Kind::kSuccess);
  for (const double band : Load(folder_.Path("out.jpg")).getpoint(10, 10)) EXPECT_GT(band, 250);
}

TEST_F(ResizeImageTest, LowerQualityMakesASmallerFile) {
  const VImage noise = VImage::gaussnoise(200, 200).cast(VIPS_FORMAT_UCHAR);
  json payload = Payload(Save(noise, "in.png"), "out.jpg");
  payload["quality"] = 95;
  const int64_t fine = json::parse(Run(payload).result())["bytes"].get<int64_t>();
  payload["quality"] = 20;
  EXPECT_LT(json::parse(Run(payload).result())["bytes"].get<int64_t>(), fine);
}

TEST_F(ResizeImageTest, PathWithBracketsIsTakenAsItIs) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  std::filesystem::rename(source, folder_.Path("in[page=2].png"));
  EXPECT_EQ(Run(Payload(folder_.Path("in[page=2].png"), "out[Q=1].png")).kind(),
            TaskResult::Kind::kSuccess);
  EXPECT_TRUE(std::filesystem::exists(folder_.Path("out[Q=1].png")));
}

TEST_F(ResizeImageTest, MissingFileIsAFailureThatMayMend) {
  const TaskResult result = Run(Payload(folder_.Path("none.jpg"), "out.jpg"));
  EXPECT_EQ(result.kind(), TaskResult::Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("none.jpg: No such file"));
}

TEST_F(ResizeImageTest, MissingTargetFolderIsAFailureThatMayMend) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  const TaskResult result = Run(Payload(source, "nowhere/out.jpg"));
  EXPECT_EQ(result.kind(), TaskResult::Kind::kFail);
  EXPECT_THAT(result.message(), HasSubstr("nowhere"));
}

TEST_F(ResizeImageTest, FileThatIsNoImageCancels) {
  const std::string source = folder_.Write("in.jpg", "this is no image");
  const TaskResult result = Run(Payload(source, "out.jpg"));
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("in.jpg cannot be read as an image"));
  EXPECT_EQ(folder_.FileCount(), 1u);
}

TEST_F(ResizeImageTest, TruncatedImageCancels) {
  for (const std::string name : {"in.jpg", "in.png"}) {
    const VImage noise = VImage::gaussnoise(300, 300).cast(VIPS_FORMAT_UCHAR);
    Save(noise, name);
    const std::string whole = folder_.Read(name);
    folder_.Write(name, whole.substr(0, whole.size() / 2));
    const TaskResult result = Run(Payload(folder_.Path(name), "out.jpg"));
    EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel) << name;
    EXPECT_FALSE(std::filesystem::exists(folder_.Path("out.jpg"))) << name;
  }
}

TEST_F(ResizeImageTest, ReadersOfOtherFormatsAreShut) {
  const std::string source =
      folder_.Write("in.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>");
  EXPECT_EQ(Run(Payload(source, "out.jpg")).kind(), TaskResult::Kind::kCancel);
}

TEST_F(ResizeImageTest, ImageOfTooManyPixelsIsRefused) {
  const std::string source = Save(TwoHalves(400, 200), "in.png");
  const TaskResult result = Run(Payload(source, "out.jpg"), {.max_pixels = 79'999});
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("400 x 200 = 80000 pixels, more than the limit"));
}

TEST_F(ResizeImageTest, FileOfTooManyBytesIsRefused) {
  const std::string source = Save(TwoHalves(400, 200), "in.png");
  const TaskResult result = Run(Payload(source, "out.jpg"), {.max_file_bytes = 10});
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("bytes, more than the limit of 10"));
}

TEST_F(ResizeImageTest, FolderAsSourceCancels) {
  const TaskResult result = Run(Payload(folder_.Path(""), "out.jpg"));
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("not a regular file"));
}

TEST_F(ResizeImageTest, TargetThatIsTheSourceIsRefused) {
  const std::string source = Save(TwoHalves(40, 20), "in.png");
  std::filesystem::create_hard_link(source, folder_.Path("same.png"));
  const TaskResult result = Run(Payload(source, "same.png"));
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  EXPECT_THAT(result.message(), HasSubstr("payload.target: is the same file"));
}

TEST_F(ResizeImageTest, BadPayloadCancelsAndNamesEveryField) {
  const TaskResult result =
      Run({{"source", "a.jpg"}, {"target", "/x.bmp"}, {"width", 0}, {"hight", 5}});
  EXPECT_EQ(result.kind(), TaskResult::Kind::kCancel);
  for (const char* field : {"payload.source: must be the absolute path",
                            "payload.target: must end in", "payload.width: must be a whole number",
                            "payload.height: must be given", "payload.hight: is not a field"}) {
    EXPECT_THAT(result.message(), HasSubstr(field));
  }
}

TEST_F(ResizeImageTest, HandlerThatIsAskedToStopWritesNothing) {
  const std::string source = Save(TwoHalves(400, 200), "in.png");
  FakeTaskContext context("resize_image", Payload(source, "out.jpg").dump());
  context.RequestStop();
  const TaskResult result = ResizeImage({})(context);
  EXPECT_EQ(result.kind(), TaskResult::Kind::kFail);
  EXPECT_EQ(result.message(), "asked to stop");
  EXPECT_EQ(folder_.FileCount(), 1u);
}

}  // namespace
}  // namespace millrace

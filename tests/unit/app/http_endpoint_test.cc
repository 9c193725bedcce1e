#include "server/app/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/app/http_request.h"

namespace millrace {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::map<std::string, HttpEndpoint::PageMaker> TwoPages() {
  std::map<std::string, HttpEndpoint::PageMaker> pages;
  pages["/good"] = [] {
    HttpEndpoint::Page page;
    page.body = "fine\n";
    return page;
  };
  pages["/bad"] = [] {
    HttpEndpoint::Page page;
    page.status = 503;
    page.body = "broken\n";
    return page;
  };
  return pages;
}

class HttpEndpointTest : public testing::Test {
 protected:
  HttpEndpointTest() : endpoint_(HttpEndpoint::Create("127.0.0.1:0", TwoPages())) {}

  absl::StatusOr<std::unique_ptr<HttpEndpoint>> endpoint_;
};

TEST_F(HttpEndpointTest, ServesAPageWithItsStatusAndBody) {
  ASSERT_TRUE(endpoint_.ok()) << endpoint_.status();
  EXPECT_THAT(HttpRequest((*endpoint_)->port(), "GET /good"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("Content-Length: 5\r\n"),
                    EndsWith("\r\n\r\nfine\n")));
  EXPECT_THAT(HttpRequest((*endpoint_)->port(), "GET /bad"),
              AllOf(StartsWith("HTTP/1.1 503"), EndsWith("broken\n")));
}

TEST_F(HttpEndpointTest, AHeadRequestGetsNoBody) {
  ASSERT_TRUE(endpoint_.ok());
  EXPECT_THAT(HttpRequest((*endpoint_)->port(), "HEAD /good"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\n")));
}

TEST_F(HttpEndpointTest, OtherPathsAreNotFound) {
  ASSERT_TRUE(endpoint_.ok());
  for (const char* path : {"/", "/good/more", "/goods", "/../etc/passwd", "/etc/passwd"}) {
    EXPECT_THAT(HttpRequest((*endpoint_)->port(), std::string("GET ") + path),
                AllOf(StartsWith("HTTP/1.1 4"), Not(HasSubstr("root:"))))
        << path;
  }
}

TEST_F(HttpEndpointTest, AnAddressInUseIsNamed) {
  ASSERT_TRUE(endpoint_.ok());
  const std::string address = "127.0.0.1:" + std::to_string((*endpoint_)->port());
  const auto second = HttpEndpoint::Create(address, TwoPages());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr(address), HasSubstr("--metrics-listen"), Not(HasSubstr("\n"))));
}

TEST_F(HttpEndpointTest, LocalhostIsUnderstood) {
  const auto endpoint = HttpEndpoint::Create("localhost:0", TwoPages());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_THAT(HttpRequest((*endpoint)->port(), "GET /good"), HasSubstr("fine"));
}

}  // namespace
}  // namespace millrace

#include "server/http/http_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mirror::http_routes_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

HttpRoutes SomeRoutes() {
  HttpRoutes routes;
  for (const auto& [method, path] : std::vector<std::pair<std::string_view, std::string_view>>{
           {"GET", "/healthz"},
           {"GET", "/storages/{}"},
           {"DELETE", "/storages/{}"},
           {"POST", "/storages/{}/datasources/{}/clear"},
           {"POST", "/storages/{}/clear"}})
    routes.Add({.method = method, .path = path, .role = ApiRole::kOwner, .answer = nullptr});
  return routes;
}

TEST(HttpRoutesTest, ACallIsFoundByMethodAndPathWithItsParts) {
  const HttpRoutes routes = SomeRoutes();
  const HttpRoutes::Match one = routes.Find("DELETE", {"storages", "Acme"});
  ASSERT_NE(one.route, nullptr);
  EXPECT_EQ(one.route->method, "DELETE");
  EXPECT_THAT(one.parts, ElementsAre("Acme"));
  EXPECT_THAT(routes.Find("POST", {"storages", "A", "datasources", "b", "clear"}).parts,
              ElementsAre("A", "b"));
  EXPECT_THAT(routes.Find("GET", {"healthz"}).parts, IsEmpty());
}

TEST(HttpRoutesTest, EachCallHasANumberAndItsName) {
  HttpRoutes routes = SomeRoutes();
  struct Calls {
    absl::StatusOr<HttpAnswer> Say(HttpCall& call) { return HttpAnswer{.body = said + call.parts.front()}; }
    std::string said;
  } calls{"it is "};
  routes.Add("sayIt", "GET", "/say/{}", ApiRole::kReader, HttpBody::kNone, &calls, &Calls::Say);
  const HttpRoutes::Match match = routes.Find("GET", {"say", "me"});
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.number, 6U);
  EXPECT_EQ(routes.Names()[match.number - 1], "sayIt");
  HttpCall call{.parts = match.parts};
  EXPECT_EQ(match.route->answer(call).body, "it is me");
  EXPECT_EQ(routes.Find("GET", {"healthz"}).number, 1U);
  EXPECT_EQ(routes.Find("PUT", {"healthz"}).number, 0U);
}

TEST(HttpRoutesTest, ASecondPathLeadsToTheSameCall) {
  HttpRoutes routes = SomeRoutes();
  routes.Add(
      {.name = "fetch", .method = "POST", .path = "/v4/storages/{}/fetch", .also = "/storages/{}/fetch"});
  const HttpRoutes::Match first = routes.Find("POST", {"v4", "storages", "A", "fetch"});
  const HttpRoutes::Match second = routes.Find("POST", {"storages", "A", "fetch"});
  ASSERT_NE(first.route, nullptr);
  EXPECT_EQ(second.route, first.route);
  EXPECT_EQ(second.number, first.number) << "so it is counted as one";
  EXPECT_EQ(routes.Names()[second.number - 1], "fetch");
  EXPECT_THAT(second.parts, ElementsAre("A"));
  EXPECT_EQ(routes.Find("GET", {"storages", "A", "fetch"}).allowed, "POST");
}

TEST(HttpRoutesTest, ItIsOfAStorageWhereItsFirstPartIsOne) {
  const auto of = [](std::string_view path) { return HttpRoute{.name = "x", .method = "GET", .path = path}; };
  for (const char* const path : {"/storages/{}", "/v2/storages/{}", "/v4/storages/{}/records/{}"})
    EXPECT_TRUE(of(path).is_of_storage()) << path;
  for (const char* const path : {"/v2/storages", "/healthz", "/jobs/importjobs/{}", "/files/upload/{}"})
    EXPECT_FALSE(of(path).is_of_storage()) << path;
}

TEST(HttpRoutesTest, AnotherMethodIsToldWhichThereAre) {
  const HttpRoutes routes = SomeRoutes();
  const HttpRoutes::Match other = routes.Find("PUT", {"storages", "Acme"});
  EXPECT_EQ(other.route, nullptr);
  EXPECT_EQ(other.allowed, "GET, HEAD, DELETE");
  EXPECT_THAT(other.parts, IsEmpty());
  EXPECT_EQ(routes.Find("get", {"healthz"}).allowed, "GET, HEAD");
  EXPECT_EQ(routes.Find("HEAD", {"storages", "Acme", "clear"}).allowed, "POST");
}

TEST(HttpRoutesTest, HeadIsWhatGetIs) {
  const HttpRoutes routes = SomeRoutes();
  const HttpRoutes::Match head = routes.Find("HEAD", {"storages", "Acme"});
  ASSERT_NE(head.route, nullptr);
  EXPECT_EQ(head.route->method, "GET");
  EXPECT_EQ(head.number, routes.Find("GET", {"storages", "Acme"}).number);
}

TEST(HttpRoutesTest, WhatIsNoPathIsNone) {
  const HttpRoutes routes = SomeRoutes();
  for (const std::vector<std::string>& segments :
       std::vector<std::vector<std::string>>{{},
                                             {"storages"},
                                             {"Healthz"},
                                             {"healthz", "x"},
                                             {"{}"},
                                             {"storages", "A", "clear", "x"},
                                             {"storages", "A", "Clear"}}) {
    const HttpRoutes::Match none = routes.Find("GET", segments);
    EXPECT_EQ(none.route, nullptr);
    EXPECT_EQ(none.allowed, "");
  }
}

}  // namespace
}  // namespace mirror::http_routes_test

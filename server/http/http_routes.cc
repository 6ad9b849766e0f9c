#include "server/http/http_routes.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace mirror {
namespace {

constexpr char kAnySegment[] = "{}";

bool Fits(const std::vector<std::string>& pattern, const std::vector<std::string>& segments,
          std::vector<std::string>* parts) {
  if (pattern.size() != segments.size()) return false;
  parts->clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == kAnySegment) {
      parts->push_back(segments[i]);
    } else if (pattern[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

void HttpRoutes::Add(HttpRoute route) {
  for (const std::string_view path : {route.path, route.also}) {
    if (!path.empty()) paths_.push_back({routes_.size(), absl::StrSplit(std::string(path.substr(1)), '/')});
  }
  routes_.push_back(std::move(route));
}

std::vector<std::string_view> HttpRoutes::Names() const {
  std::vector<std::string_view> names;
  for (const HttpRoute& route : routes_) names.push_back(route.name);
  return names;
}

HttpRoutes::Match HttpRoutes::Find(std::string_view method, const std::vector<std::string>& segments) const {
  Match match;
  for (const Path& path : paths_) {
    if (!Fits(path.segments, segments, &match.parts)) continue;
    const HttpRoute& route = routes_[path.route];
    const bool is_get = route.method == "GET";
    if (route.method == method || (is_get && method == "HEAD")) {
      match.route = &route;
      match.number = path.route + 1;
      return match;
    }
    absl::StrAppend(&match.allowed, match.allowed.empty() ? "" : ", ", std::string(route.method),
                    is_get ? ", HEAD" : "");
  }
  match.parts.clear();
  return match;
}

}  // namespace mirror

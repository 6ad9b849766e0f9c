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
  const std::string path(route.path.substr(1));
  routes_.push_back({std::move(route), absl::StrSplit(path, '/')});
}

std::vector<std::string_view> HttpRoutes::Names() const {
  std::vector<std::string_view> names;
  for (const Entry& entry : routes_) names.push_back(entry.route.name);
  return names;
}

HttpRoutes::Match HttpRoutes::Find(std::string_view method, const std::vector<std::string>& segments) const {
  Match match;
  std::size_t number = 0;
  for (const Entry& entry : routes_) {
    ++number;
    if (!Fits(entry.segments, segments, &match.parts)) continue;
    const bool is_get = entry.route.method == "GET";
    if (entry.route.method == method || (is_get && method == "HEAD")) {
      match.route = &entry.route;
      match.number = number;
      return match;
    }
    absl::StrAppend(&match.allowed, match.allowed.empty() ? "" : ", ", std::string(entry.route.method),
                    is_get ? ", HEAD" : "");
  }
  match.parts.clear();
  return match;
}

}  // namespace mirror

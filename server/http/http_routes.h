#ifndef MIRROR_SERVER_HTTP_HTTP_ROUTES_H_
#define MIRROR_SERVER_HTTP_HTTP_ROUTES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/http/message.h"
#include "certs/api_key.h"
#include "server/http/http_call.h"
#include "server/http/http_error.h"

namespace mirror {

enum class HttpBody : std::uint8_t { kNone, kJson, kStreamed };

/// One call of the door.
struct HttpRoute {
  std::string_view name;  ///< Its name in openapi.json.
  std::string_view method;
  std::string_view path;        ///< "/storages/{}/clear": '{}' stands for one segment.
  std::optional<ApiRole> role;  ///< Absent: it needs no key.
  HttpBody body = HttpBody::kNone;
  std::function<HttpAnswer(HttpCall& call)> answer = {};
  /// kStreamed, in place of `answer`: before a byte of the body is read, returns its
  /// receiver, its limit, and the function that answers.
  std::function<HttpAdmission(const std::shared_ptr<HttpCall>& call)> admit = {};
  std::vector<std::string_view> query = {};  ///< Names that the query may have.
  std::string_view also = {};                ///< A second path to the same call; empty: there is none.

  /// The first part of its path is a storage: a caller that may not see it gets the answer for none.
  bool is_of_storage() const { return path.find("/storages/{}") != std::string_view::npos; }
};

class HttpRoutes {
 public:
  void Add(HttpRoute route);
  /// Adds a route that a method of `calls` answers; `calls` must outlive this.
  template <class Calls>
  void Add(std::string_view name, std::string_view method, std::string_view path, ApiRole role, HttpBody body,
           Calls* calls, absl::StatusOr<HttpAnswer> (Calls::*answer)(HttpCall&),
           std::vector<std::string_view> query = {}, std::string_view also = {}) {
    Add({.name = name,
         .method = method,
         .path = path,
         .role = role,
         .body = body,
         .answer = [calls, answer](HttpCall& call) { return AnswerOrError((calls->*answer)(call)); },
         .query = std::move(query),
         .also = also});
  }
  /// Returns the names in the order of their numbers, from 1 on.
  std::vector<std::string_view> Names() const;

  struct Match {
    const HttpRoute* route = nullptr;  ///< Null: there is no such call.
    std::size_t number = 0;            ///< The number of the route.
    std::vector<std::string> parts;
    std::string allowed;  ///< Without a route: methods of the path; empty: there is no such path.
  };
  /// Treats HEAD as GET: the listener sends no body.
  Match Find(std::string_view method, const std::vector<std::string>& segments) const;

 private:
  struct Path {
    std::size_t route = 0;
    std::vector<std::string> segments;
  };
  std::vector<HttpRoute> routes_;
  std::vector<Path> paths_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HTTP_HTTP_ROUTES_H_

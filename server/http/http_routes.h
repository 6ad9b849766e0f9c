#ifndef MIRROR_SERVER_HTTP_HTTP_ROUTES_H_
#define MIRROR_SERVER_HTTP_HTTP_ROUTES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/http/message.h"
#include "certs/api_key.h"
#include "server/http/http_call.h"

namespace mirror {

enum class HttpBody : std::uint8_t { kNone, kJson, kStreamed };

/// One call of the door.
struct HttpRoute {
  std::string_view name;  ///< As openapi.json has it.
  std::string_view method;
  std::string_view path;        ///< "/storages/{}/clear": '{}' stands for one segment.
  std::optional<ApiRole> role;  ///< Absent: no key is asked for.
  HttpBody body = HttpBody::kNone;
  std::function<HttpAnswer(HttpCall& call)> answer = {};
  /// kStreamed, in place of `answer`: before a byte of the body is read, says who takes it, its limit, and
  /// who answers.
  std::function<HttpAdmission(const std::shared_ptr<HttpCall>& call)> admit = {};
  std::vector<std::string_view> query = {};  ///< Names that its query may have.
  std::string_view also = {};                ///< A second path to the same call; empty: there is none.

  /// The first part of its path is a storage: who may not see it is answered as if there were none.
  bool is_of_storage() const { return path.find("/storages/{}") != std::string_view::npos; }
};

class HttpRoutes {
 public:
  /// The route stays where it is until the next call.
  HttpRoute& Add(HttpRoute route);
  /// One that a method of `calls` answers, which outlives this.
  template <class Calls>
  HttpRoute& Add(std::string_view name, std::string_view method, std::string_view path, ApiRole role,
                 HttpBody body, Calls* calls, HttpAnswer (Calls::*answer)(HttpCall&),
                 std::string_view also = {}) {
    return Add({.name = name,
                .method = method,
                .path = path,
                .role = role,
                .body = body,
                .answer = [calls, answer](HttpCall& call) { return (calls->*answer)(call); },
                .also = also});
  }
  /// In the order of their numbers, from 1 on.
  std::vector<std::string_view> Names() const;

  struct Match {
    const HttpRoute* route = nullptr;  ///< Null: there is no such call.
    std::size_t number = 0;            ///< Of the route.
    std::vector<std::string> parts;
    std::string allowed;  ///< Without a route: methods that the path has; empty: there is no such path.
  };
  /// HEAD is what GET is: the listener sends no body.
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

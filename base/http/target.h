#ifndef MIRROR_BASE_HTTP_TARGET_H_
#define MIRROR_BASE_HTTP_TARGET_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// What a request's target says, decoded.
struct HttpTarget {
  std::vector<std::string> segments;  ///< Of the path, without its first '/'; "/" has none.
  std::vector<std::pair<std::string, std::string>> query;  ///< In their order; a '+' is a blank.

  /// Of the query, every value of this name.
  std::vector<std::string> All(std::string_view name) const;
};

/// `path` and `query` as HttpHead has them. Errors: kInvalidArgument, with words for people, for what two
/// programs might read otherwise: a '%' without two digits; an encoded '/' or NUL; control characters; what
/// is not UTF-8; segments that are empty, "." or ".."; more than 1,000 parameters.
absl::StatusOr<HttpTarget> ParseHttpTarget(std::string_view path, std::string_view query);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_TARGET_H_

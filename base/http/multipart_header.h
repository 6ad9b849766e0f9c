#ifndef MIRROR_BASE_HTTP_MULTIPART_HEADER_H_
#define MIRROR_BASE_HTTP_MULTIPART_HEADER_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace mirror {

/// A value of a header with its parameters: `form-data; name="a"`.
struct HeaderValue {
  std::string value;                                            ///< In lower case.
  std::vector<std::pair<std::string, std::string>> parameters;  ///< Names in lower case; each once.

  const std::string* Find(std::string_view name) const;
};
/// Absent: it is not written as one, or a parameter stands twice.
std::optional<HeaderValue> ParseHeaderValue(std::string_view text);

/// What the header of a part of a form says.
struct PartHeader {
  std::string name;
  std::optional<std::string> file_name;
};
/// `header`: its lines, each with its CR LF. Errors: kInvalidArgument, with words for people.
absl::StatusOr<PartHeader> ParsePartHeader(std::string_view header);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_MULTIPART_HEADER_H_

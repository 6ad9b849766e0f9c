#include "base/http/message.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace mirror {

static_assert(std::size(kHttpFields) == static_cast<std::size_t>(HttpFieldName::kApiKey) + 1);

const std::string* HttpHead::Find(HttpFieldName name) const {
  const std::string_view wanted = kHttpFields[static_cast<std::size_t>(name)].name;
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [wanted](const auto& field) { return field.first == wanted; });
  return found == fields.end() ? nullptr : &found->second;
}

HttpAnswer HttpDoor::Refuse(int status, std::string_view words) const {
  return {status, "text/plain", absl::StrCat(std::string(words), "\n")};
}

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kOutOfRange:
      return 413;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

}  // namespace mirror

#include "server/hub/store/other_layout.h"

#include "absl/strings/str_cat.h"

namespace mirror {

absl::Status OtherLayoutError(const std::string& storage, const std::string& where, std::int64_t found,
                              const std::string& program, std::int64_t known) {
  const std::string other = program.empty() ? "another version" : absl::StrCat("version ", program);
  const std::string instead =
      found > known ? absl::StrCat(". Install ", other, ", or make it anew: ") : ". Make it anew: ";
  return absl::FailedPreconditionError(
      absl::StrCat("what hub '", storage, "' keeps, ", where, ", has layout ", found, ", written by ", other,
                   "; this is ", MIRROR_VERSION, ", which reads layout ", known, ". It was left as it is",
                   instead, "'mirrorctl hub rebuild ", storage, " --confirm ", storage,
                   "'. Its members wait for 'mirrorctl hub resume' then"));
}

}  // namespace mirror

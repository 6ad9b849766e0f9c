#include "client/source/announced_names.h"

#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/utf8.h"

namespace mirror {

bool AnnouncedNames::Take(const std::string& name, bool is_readable) {
  if (const absl::Status checked = CheckName(name, "its name"); !checked.ok() || !is_readable) {
    schema_->refused.push_back(
        {CountUtf8(name) ? name : "(a name that is not UTF-8)", std::string(checked.message())});
    return false;
  }
  const auto [other, is_new] = folded_.try_emplace(FoldName(name), name);
  if (is_new) return true;
  schema_->refused.push_back(
      {name, absl::StrCat("its name differs from that of '", other->second,
                          "' by upper and lower case alone, which are one in a mirror: leave one of them out "
                          "with 'skip'")});
  return false;
}

}  // namespace mirror

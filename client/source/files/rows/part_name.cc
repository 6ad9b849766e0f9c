#include "client/source/files/rows/part_name.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/folded_name.h"

namespace mirror {
namespace {

/// The folder of a part, with the slash at its end; empty: the root.
std::string_view FolderOf(std::string_view part) { return part.substr(0, part.rfind('/') + 1); }

/// Replaces percent codes, but for those of characters that a name cannot have.
std::string Decoded(std::string_view name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    int code = 0;
    const char* const at = name.data() + i;
    const bool coded =
        *at == '%' && name.size() - i > 2 && std::from_chars(at + 1, at + 3, code, 16).ptr == at + 3;
    if (coded && code > 0 && code != '/' && code != '\\') {
      plain.push_back(static_cast<char>(code));
      i += 2;
    } else {
      plain.push_back(name[i]);
    }
  }
  return plain;
}

/// Leaves out "./", "../" and empty names of folders.
std::string Normalised(std::string name) {
  std::replace(name.begin(), name.end(), '\\', '/');
  std::vector<std::string_view> steps;
  const std::string_view whole = name;
  for (std::size_t begin = 0; begin <= whole.size();) {
    const std::size_t end = std::min(whole.find('/', begin), whole.size());
    const std::string_view step = whole.substr(begin, end - begin);
    begin = end + 1;
    if (step == "..") {
      if (!steps.empty()) steps.pop_back();
    } else if (!step.empty() && step != ".") {
      steps.push_back(step);
    }
  }
  return absl::StrJoin(steps, "/", [](std::string* out, std::string_view step) { out->append(step); });
}

}  // namespace

std::string ResolveTarget(std::string_view part, std::string_view target) {
  const bool from_root = target.starts_with('/') || target.starts_with('\\');
  std::string name(from_root ? std::string_view() : FolderOf(part));
  return Normalised(name.append(target));
}

std::string FoldPartName(std::string_view name) { return FoldName(Normalised(Decoded(name))); }

std::string RelationsOf(std::string_view part) {
  const std::string_view folder = FolderOf(part);
  return absl::StrCat(std::string(folder), "_rels/", std::string(part.substr(folder.size())), ".rels");
}

}  // namespace mirror

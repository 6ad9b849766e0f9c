#include "server/store/others_objects.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// Finds the table that the text names at its end (`' of 'TABLE'` or `' of table 'TABLE'`), if it exists.
OthersObject Split(const MirrorContents& contents, const std::string& words) {
  OthersObject object{.words = words,
                      .is_view = words.starts_with("view '") || words.starts_with("materialized view '")};
  for (const ContentsTable& table : contents.tables) {
    for (const char* const of : {" of '", " of table '"}) {
      const std::string end = absl::StrCat(of, table.agreed.name, "'");
      if (!words.ends_with(end) || words.size() == end.size()) continue;
      object.words = words.substr(0, words.size() - end.size());
      object.of_table = table.agreed.name;
      return object;
    }
  }
  return object;
}

bool IsHistory(const std::string& words) {
  return words.starts_with("versions of rows of ") || words == "the journal of changes";
}

bool IsSetAside(const std::string& words) { return absl::StrContains(words, "' that was set aside as '"); }

}  // namespace

std::vector<OthersObject> OthersObjects(const MirrorContents& contents) {
  std::vector<OthersObject> objects;
  for (const std::string& words : contents.left_out) {
    if (words.starts_with("what the running cycle brought ")) continue;
    if (IsSetAside(words) || IsHistory(words)) continue;
    objects.push_back(Split(contents, words));
  }
  return objects;
}

std::vector<std::string> TablesSetAside(const MirrorContents& contents) {
  std::vector<std::string> aside;
  for (const std::string& words : contents.left_out) {
    if (IsSetAside(words)) aside.push_back(words);
  }
  return aside;
}

}  // namespace mirror

#include "tools/mirrorctl/init/described_keys.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/embedded_file.h"
#include "tools/mirrorctl/init/init.h"

MIRROR_EMBEDDED(described_keys);

namespace mirror {
namespace {

constexpr std::size_t kCommentAt = 36;

std::string Toml(const ConfigNode& value) {
  switch (value.kind) {
    case ConfigNode::Kind::kText:
      return TomlString(value.text);
    case ConfigNode::Kind::kFlag:
      return value.flag ? "true" : "false";
    case ConfigNode::Kind::kWhole:
      return absl::StrCat(value.whole);
    case ConfigNode::Kind::kList:
      return absl::StrCat(
          "[",
          absl::StrJoin(value.entries, ", ",
                        [](std::string* out, const ConfigNode& one) { out->append(Toml(one)); }),
          "]");
    default:
      return "{}";
  }
}

/// Replaces backquotes around a text by quotes, or removes them if the text has quotes already.
std::string WithoutBackquotes(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '`');
  std::string plain;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_code = i % 2 == 1 && !absl::StartsWith(parts[i], "\"") && !absl::StartsWith(parts[i], "[");
    absl::StrAppend(&plain, is_code ? "'" : "", parts[i], is_code ? "'" : "");
  }
  return plain;
}

const std::string& NameOf(const ConfigNode& node) { return node.Find("name")->text; }

std::string CommentOf(const ConfigNode& node) {
  if (const ConfigNode* const comment = node.Find("comment")) return comment->text;
  const ConfigNode* const text = node.Find("text");
  return text == nullptr ? "" : WithoutBackquotes(text->text);
}

std::string LineOf(const ConfigNode& row, const DescribedKeys::Values& values, const std::string& before) {
  const auto given = values.find(NameOf(row));
  const ConfigNode* const init = row.Find("init");
  const std::string value =
      given != values.end() ? given->second : Toml(init != nullptr ? *init : *row.Find("default"));
  return ConfigurationLine(absl::StrCat(before, NameOf(row), " = ", value), CommentOf(row));
}

}  // namespace

DescribedKeys::DescribedKeys(std::string_view file)
    : root_(ParseToml(std::string(FindEmbedded(mirror_embedded_described_keys, file)->bytes()),
                      std::string(file))
                .value()) {}

DescribedKeys DescribedKeys::OfServer() { return DescribedKeys("server/config/keys.toml"); }
DescribedKeys DescribedKeys::OfAgent() { return DescribedKeys("client/config/keys.toml"); }
DescribedKeys DescribedKeys::OfControl() { return DescribedKeys("tools/mirrorctl/admin/keys.toml"); }

const ConfigNode* DescribedKeys::Find(const std::string& table) const {
  const std::vector<ConfigNode>& tables = root_.Find("table")->entries;
  return &*std::find_if(tables.begin(), tables.end(),
                        [&table](const ConfigNode& one) { return NameOf(one) == table; });
}

std::string DescribedKeys::Title(const std::string& name, const std::string& before) const {
  return ConfigurationLine(before + name, CommentOf(*Find(name)));
}

std::string DescribedKeys::Table(const std::string& name, const Values& values,
                                 const std::string& before) const {
  std::string text = Title(name, before);
  for (const ConfigNode& row : Find(name)->Find("rows")->entries) {
    if (row.Find("left_out") == nullptr) text += LineOf(row, values, before);
  }
  return text;
}

std::string DescribedKeys::Lines(const std::string& table, const std::vector<std::string>& keys,
                                 const std::string& before, const Values& values) const {
  std::string text;
  const std::vector<ConfigNode>& rows = Find(table)->Find("rows")->entries;
  for (const std::string& key : keys) {
    text += LineOf(
        *std::find_if(rows.begin(), rows.end(), [&key](const ConfigNode& row) { return NameOf(row) == key; }),
        values, before);
  }
  return text;
}

std::string ConfigurationLine(std::string setting, const std::string& comment) {
  if (comment.empty()) return setting + "\n";
  setting.append(std::max<std::size_t>(kCommentAt, setting.size() + 3) - setting.size(), ' ');
  const std::string next = absl::StrCat("\n", std::string(kCommentAt, ' '), "# ");
  return absl::StrCat(setting, "# ", absl::StrJoin(absl::StrSplit(comment, '\n'), next), "\n");
}

}  // namespace mirror

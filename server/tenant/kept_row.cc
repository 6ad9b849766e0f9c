#include "server/tenant/kept_row.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "proto/wire/key_part.h"
#include "server/journal/key_block.h"
#include "server/records/json_row.h"

namespace mirror {
namespace {

constexpr std::size_t kKeyBytesMax = 64 << 10;

/// A value as the person typed it.
struct Typed {
  enum class Form { kPlain, kQuoted, kHex } form = Form::kPlain;
  std::string text;
};

absl::Status NoTypedKey(const TableSchema& table) {
  std::string columns;
  for (const std::uint32_t index : table.Key()) {
    const Column& column = table.columns[index];
    absl::StrAppend(&columns, columns.empty() ? "" : ", ", column.name, " ",
                    std::string(ToString(column.type)));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("that is not a key of table '", table.name, "'. Its key has (", columns,
                   "). Nothing was read. Type the values with commas between them, as 17 or \"'Ada', 3\", or "
                   "as a JSON array like those that 'mirrorctl changes --json' prints."));
}

/// Reads a quoted text, from after the first quote; `at` is after the last quote then.
std::optional<std::string> QuotedAt(std::string_view text, std::size_t* at) {
  std::string value;
  while (*at < text.size()) {
    const char one = text[(*at)++];
    if (one != '\'') {
      value.push_back(one);
    } else if (*at < text.size() && text[*at] == '\'') {
      value.push_back('\'');
      ++*at;
    } else {
      return value;
    }
  }
  return std::nullopt;
}

void SkipBlanks(std::string_view text, std::size_t* at) {
  while (*at < text.size() && absl::ascii_isspace(static_cast<unsigned char>(text[*at]))) ++*at;
}

std::optional<Typed> TypedAt(std::string_view text, std::size_t* at) {
  SkipBlanks(text, at);
  Typed typed;
  const bool is_hex = text.substr(*at).starts_with("x'") || text.substr(*at).starts_with("X'");
  if (is_hex || text.substr(*at).starts_with("'")) {
    typed.form = is_hex ? Typed::Form::kHex : Typed::Form::kQuoted;
    *at += is_hex ? 2 : 1;
    std::optional<std::string> value = QuotedAt(text, at);
    if (!value) return std::nullopt;
    typed.text = *std::move(value);
    SkipBlanks(text, at);
    return typed;
  }
  const std::size_t end = std::min(text.find(',', *at), text.size());
  typed.text = std::string(absl::StripAsciiWhitespace(std::string(text.substr(*at, end - *at))));
  *at = end;
  if (typed.text.empty()) return std::nullopt;
  return typed;
}

std::optional<std::vector<Typed>> SplitTyped(std::string_view text) {
  std::vector<Typed> values;
  std::size_t at = 0;
  while (true) {
    std::optional<Typed> typed = TypedAt(text, &at);
    if (!typed) return std::nullopt;
    values.push_back(*std::move(typed));
    if (at >= text.size()) return values;
    if (text[at] != ',') return std::nullopt;
    ++at;
  }
}

std::optional<KeyPart> PartOfTyped(const Column& column, const Typed& typed) {
  KeyPart part;
  if (typed.form == Typed::Form::kHex) {
    const bool is_hex = typed.text.size() % 2 == 0 &&
                        typed.text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    if (!is_hex) return std::nullopt;
    part.kind = Kind::kBlob;
    part.bytes = absl::HexStringToBytes(typed.text);
    const bool fits = column.type == Type::kBytes || column.type == Type::kUuid || column.type == Type::kAny;
    return fits ? std::optional(part) : std::nullopt;
  }
  if (column.type != Type::kAny) return KeyPartOf(column, typed.text);
  if (typed.form == Typed::Form::kPlain && absl::SimpleAtoi(typed.text, &part.integer)) {
    part.kind = Kind::kInteger;
  } else if (typed.form == Typed::Form::kPlain && absl::SimpleAtod(typed.text, &part.real)) {
    part.kind = Kind::kReal;
  } else {
    part.kind = Kind::kText;
    part.bytes = typed.text;
  }
  return part;
}

}  // namespace

absl::StatusOr<Key> ParseTypedKey(const TableSchema& table, std::string_view text) {
  const std::vector<std::uint32_t> columns = table.Key();
  if (columns.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "table '", table.name, "' has no key, so none of its rows can be named. Nothing was read."));
  }
  if (text.size() > kKeyBytesMax) return NoTypedKey(table);
  const absl::string_view stripped = absl::StripAsciiWhitespace(absl::string_view(text.data(), text.size()));
  const bool is_one_text = columns.size() == 1 && table.columns[columns.front()].type == Type::kText;
  if (!stripped.empty() && stripped.front() == '[' && !is_one_text) {
    absl::StatusOr<Key> key = KeyOfPage(table, std::string(stripped));
    if (!key.ok()) return NoTypedKey(table);
    return key;
  }
  const std::optional<std::vector<Typed>> values =
      SplitTyped(std::string_view(stripped.data(), stripped.size()));
  if (is_one_text && (!values || values->size() != 1 || values->front().form != Typed::Form::kQuoted)) {
    return Key{{.kind = Kind::kText, .bytes = std::string(text)}};
  }
  if (!values || values->size() != columns.size()) return NoTypedKey(table);
  Key key;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    std::optional<KeyPart> part = PartOfTyped(table.columns[columns[i]], (*values)[i]);
    if (!part) return NoTypedKey(table);
    key.push_back(*std::move(part));
  }
  return key;
}

namespace {

absl::Status NoTable(const std::string& table) {
  return absl::NotFoundError(absl::StrCat("there is no table '", table,
                                          "' in the mirror. Nothing was read. 'mirrorctl tables' lists its "
                                          "tables."));
}

absl::StatusOr<bool> Stands(Snapshot& snapshot, const TableSchema& kept, const Key& key) {
  bool stands = false;
  RETURN_IF_ERROR(snapshot.ReadFirstRow(kept, kept.Key(), key, [&](RowBlock* block) -> absl::Status {
    const ChangeBatch batch = ViewOf(kept, block);
    Key found;
    for (const ColumnView& view : batch.columns) found.push_back(KeyPartOf(view.At(0)));
    stands = found == key;
    return absl::OkStatus();
  }));
  return stands;
}

}  // namespace

absl::StatusOr<KeptTable> FindTable(Snapshot& snapshot, const std::string& table) {
  ASSIGN_OR_RETURN(const std::optional<TableRecord> record, snapshot.ReadTable(table));
  if (!record) return NoTable(table);
  ASSIGN_OR_RETURN(const std::optional<TableSchema> agreed, snapshot.ReadSchema(record->table));
  if (!agreed) return NoTable(table);
  return KeptTable{record->table, KeptForm(*agreed)};
}

absl::StatusOr<MeantRow> FindRow(Snapshot& snapshot, const std::string& table, std::string_view key_text) {
  ASSIGN_OR_RETURN(KeptTable found, FindTable(snapshot, table));
  ASSIGN_OR_RETURN(Key key, ParseTypedKey(found.kept, key_text));
  ASSIGN_OR_RETURN(const bool stands, Stands(snapshot, found.kept, key));
  absl::StatusOr<bool> is_left = false;
  if (!stands && (found.kept.deletes != Deletes::kApply || found.kept.preserve_target)) {
    TableSchema all = found.kept;
    all.deletes = Deletes::kApply;
    all.preserve_target = false;
    is_left = Stands(snapshot, all, key);
    if (!is_left.ok()) return is_left.status();
  }
  return MeantRow{std::move(found.name), std::move(found.kept), std::move(key), stands, *is_left};
}

absl::StatusOr<KeptOfRow> CountKeptOfRow(Snapshot& snapshot, const MeantRow& row) {
  KeptOfRow kept;
  ASSIGN_OR_RETURN(const std::optional<TableHistory> history, snapshot.versions().ReadHistory(row.table));
  if (history) {
    RETURN_IF_ERROR(snapshot.versions().ReadVersions(
        *history, row.key, [&](const RowVersion& version, RowBlock*) -> absl::StatusOr<bool> {
          kept.versions += version.until == 0 ? 0 : 1;
          return true;
        }));
  }
  RETURN_IF_ERROR(snapshot.journal().WalkBack(
      row.table, OrderedKey(row.key.front()), [&](const JournalEntry& entry) -> absl::StatusOr<bool> {
        if (entry.keys.empty()) return true;
        const absl::StatusOr<LookedKeys> block = LookForKey(entry.keys, row.key);
        kept.entries += !block.ok() || block->has_key ? 1 : 0;
        return true;
      }));
  return kept;
}

}  // namespace mirror

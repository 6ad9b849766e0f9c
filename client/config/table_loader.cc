#include "client/config/table_loader.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/config/kind_keys.h"
#include "proto/wire/turned_value.h"

namespace mirror {
namespace {

Setter SetCharacter(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    const auto c = static_cast<unsigned char>(text.empty() ? '\n' : text.front());
    if (text.size() != 1 || c >= 0x80 || c == '\n' || c == '\r') {
      return given.Wrong("must be one ASCII character, and not a line break");
    }
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetPrecision(Precision* target) {
  return [target](const Given& given) {
    if (given.node.kind != ConfigNode::Kind::kWhole) return SetOneOf(&target->unit, TimeUnitWords())(given);
    return SetWhole(&target->step, 1, std::numeric_limits<std::int64_t>::max())(given);
  };
}

/// A source that is populated alone has no table that is otherwise.
EnumWords<Strategy> TableStrategies() {
  EnumWords<Strategy> words;
  for (const auto& [word, strategy] : StrategyWords()) {
    if (strategy != Strategy::kPopulate) words.emplace_back(word, strategy);
  }
  return words;
}

/// Refuses a column that is named twice. Names that differ by ASCII case alone name the same column.
class NamedOnce {
 public:
  explicit NamedOnce(const Given& given) : given_(given) {}

  absl::Status Add(const std::string& column) {
    if (names_.insert(FoldName(column)).second) return absl::OkStatus();
    return given_.Wrong(absl::StrCat("names column '", column,
                                     "' twice: names that differ by case alone name the same column"));
  }

 private:
  const Given& given_;
  std::set<std::string> names_;
};

Setter SetKey(std::vector<std::string>* target) {
  return [target](const Given& given) {
    absl::Status status = SetTexts(target, ListRule::kNamed)(given);
    NamedOnce names(given);
    for (const std::string& column : *target) {
      if (status.ok()) status = names.Add(column);
    }
    return status;
  };
}

/// A value for each of some columns.
template <typename T>
Setter SetOfColumns(std::map<std::string, T>* target, const std::string& shown,
                    const std::function<Setter(T*)>& set) {
  return [target, set_all = SetEach<T>(target, shown, set)](const Given& given) {
    absl::Status status = set_all(given);
    NamedOnce names(given);
    for (const auto& [column, value] : *target) {
      if (status.ok()) status = names.Add(column);
    }
    return status;
  };
}

Setter SetTypes(std::map<std::string, Type>* target) {
  return SetOfColumns<Type>(target, "columns and types, as { id = \"integer\" }", [](Type* type) {
    return SetOneOf<Type>(type, {{"integer", Type::kInt64}, {"real", Type::kDouble}, {"text", Type::kText}});
  });
}

Setter SetRename(std::map<std::string, std::string>* target) {
  return SetOfColumns<std::string>(target, "columns and their new names, as { old = \"new\" }",
                                   [](std::string* name) { return SetText(name); });
}

Setter SetMask(std::map<std::string, std::uint32_t>* target) {
  return SetOfColumns<std::uint32_t>(target,
                                     "columns and how many characters stay at the end, as { phone = 4 }",
                                     [](std::uint32_t* keep) { return SetWhole(keep, 0, kMaskKeepMax); });
}

Setter SetFeed(std::optional<DeletesFrom>* target, const ConfigTable& block) {
  return [target, block](const Given& given) -> absl::Status {
    if (given.node.kind != ConfigNode::Kind::kTable) {
      return given.Wrong(
          absl::StrCat("must be a table, as { table = \"customer_deleted\", key = [\"id\"], watermark "
                       "= \"deleted_at\" }, not ",
                       KindName(given.node.kind)));
    }
    DeletesFrom feed;
    RETURN_IF_ERROR(block.Inline(given.node, "[source.table.deletes_from]")
                        .Read({{"table", SetText(&feed.table)},
                               {"file", SetText(&feed.file)},
                               {"key", SetKey(&feed.key)},
                               {"watermark", SetText(&feed.watermark)},
                               {"types", SetTypes(&feed.types)}}));
    if (feed.key.empty() || feed.watermark.empty() || feed.table.empty() == feed.file.empty()) {
      return given.Wrong("needs 'table' (of files: 'file'), 'key' and 'watermark'");
    }
    *target = std::move(feed);
    return absl::OkStatus();
  };
}

ConfigKeys TableKeys(const ConfigTable& block, TableConfig* table) {
  return {
      {"name", SetText(&table->name), &table->name},
      {"strategy", SetOneOf(&table->strategy, TableStrategies())},
      {"push", SetOneOf<bool>(&table->staged, {{"direct", false}, {"staged", true}})},
      {"deletes", SetOneOf<Deletes>(
                      &table->deletes,
                      {{"apply", Deletes::kApply}, {"ignore", Deletes::kIgnore}, {"mark", Deletes::kMark}})},
      {"preserve_target", SetFlag(&table->preserve_target)},
      {"column_hashes", SetFlag(&table->column_hashes)},
      {"watermark", SetText(&table->watermark)},
      {"deletes_from", SetFeed(&table->deletes_from, block)},
      {"precision", SetPrecision(&table->precision)},
      {"window",
       SetMilliseconds(&table->window_ms, std::chrono::milliseconds(100), std::chrono::hours(24 * 3650))},
      {"time", SetOneOf(&table->time, TimeFormatWords())},
      {"file", SetText(&table->file)},
      {"files", SetOneOf<bool>(&table->all_files, {{"last", false}, {"all", true}})},
      {"key", SetKey(&table->key)},
      {"types", SetTypes(&table->types)},
      {"separator", SetCharacter(&table->separator)},
      {"decimal", SetOneOf(&table->decimal, {".", ","})},
      {"sheet", SetText(&table->sheet)},
      {"quote", SetCharacter(&table->quote)},
      {"as", SetText(&table->steps.as)},
      {"columns", SetTexts(&table->steps.columns, ListRule::kNamed)},
      {"rename", SetRename(&table->steps.rename)},
      {"where", SetText(&table->steps.where)},
      {"hash", SetTexts(&table->steps.hash, ListRule::kNamed)},
      {"mask", SetMask(&table->steps.mask)},
      {"encoding", SetOneOf<FileEncoding>(&table->encoding, {{"utf-8", FileEncoding::kUtf8},
                                                             {"latin-1", FileEncoding::kLatin1},
                                                             {"windows-1252", FileEncoding::kWindows1252}})}};
}

/// Keys that mean nothing with this kind of source.
absl::Status CheckKind(const ConfigTable& block, const SourceConfig& source, const TableConfig& table) {
  const bool files = IsFolder(source.kind);
  const KindTraits& traits = TraitsOf(source.kind);
  RETURN_IF_ERROR(CheckTableKeys(block, source.kind));
  if (!traits.has_log && table.strategy == Strategy::kCdc) {
    return block.Wrong("strategy",
                       absl::StrCat("must not be \"cdc\" for ", traits.called, ", which have no change log"));
  }
  if (!traits.reads_log && table.strategy == Strategy::kCdc) {
    return block.Wrong(
        "strategy", absl::StrCat("must not be \"cdc\": this build cannot read the log of ", traits.called));
  }
  if (table.deletes_from && table.deletes_from->file.empty() == files) {
    return block.Wrong("deletes_from", files ? "takes 'file' here, since the source is a folder"
                                             : "takes 'table' here, since the source is a database");
  }
  return absl::OkStatus();
}

/// Keys that mean nothing with this strategy.
absl::Status CheckStrategy(const ConfigTable& block, Strategy strategy, const TableConfig& table) {
  if (IsLogged(strategy) && block.Has("key")) {
    return block.Wrong("key",
                       "is only for files, and for views and tables without a primary key, with strategy = "
                       "\"synthetic\" or another one that needs no change log");
  }
  const bool by_column = IsByColumn(strategy);
  if (by_column && table.watermark.empty()) {
    return block.Wrong(absl::StrCat("with strategy = \"", ToString(strategy),
                                    "\" needs 'watermark', the column by which changes are found"));
  }
  const std::array<std::pair<const char*, bool>, 6> keys = {
      {{"watermark", by_column},
       {"deletes_from", strategy == Strategy::kWatermark},
       {"precision", strategy == Strategy::kWatermarkCdc},
       {"window", strategy == Strategy::kWindow},
       {"time", strategy == Strategy::kWindow},
       {"column_hashes", strategy == Strategy::kSynthetic || by_column}}};
  for (const auto& [key, fits] : keys) {
    if (block.Has(key) && !fits) {
      return block.Wrong(key, absl::StrCat("has no effect with strategy = \"", ToString(strategy), "\""));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckTableSteps(const ConfigTable& block, const SourceConfig& source, const TableConfig& table) {
  const TableSteps& steps = table.steps;
  if (const auto conflict = FindConflict(steps, table.watermark)) {
    return block.Wrong(conflict->first, conflict->second);
  }
  if (!steps.hash.empty() && source.hash_key.empty()) {
    return block.Wrong("hash",
                       "needs 'hash_key' in [agent], a file with the key; 'openssl rand -hex 32' makes one");
  }
  for (const TableConfig& other : source.tables) {
    if (SameName(other.name, table.name)) {
      return block.Wrong(absl::StrCat("'name' '", table.name, "' is that of the table in line ", other.line));
    }
    if (SameName(other.steps.name(), steps.name())) {
      return block.Wrong(steps.as.empty() ? "name" : "as",
                         absl::StrCat("'", steps.name(),
                                      "' is already the mirror's name of the table in line ", other.line));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TableConfig> LoadTable(const ConfigTable& block, const SourceConfig& source) {
  TableConfig table;
  table.line = block.line();
  RETURN_IF_ERROR(block.Read(TableKeys(block, &table)));
  table.steps.table = table.name;
  table.steps.line = table.line;
  absl::Status status = CheckKind(block, source, table);
  if (status.ok()) status = CheckStrategy(block, StrategyOf(source, table), table);
  if (status.ok()) status = CheckTableSteps(block, source, table);
  if (!status.ok()) return status;
  if (table.file.empty()) table.file = absl::StrCat(table.name, ".", ToString(source.kind));
  return table;
}

}  // namespace mirror

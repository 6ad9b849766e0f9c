#include "client/config/source_loader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "client/config/config_value.h"
#include "proto/wire/table.h"
#include "proto/wire/turned_value.h"

namespace mirror {
namespace {

constexpr std::int64_t kLogMin = 1'000, kLogMax = 1'000'000'000;
const TimeSpan kRetentionMin{"1s", 1'000}, kRetentionMax{"3650d", 3650LL * 86'400'000};
const TimeSpan kNoTime{"0s", 0};
const TimeSpan kIntervalMin{"100ms", 100}, kIntervalMax{"7d", 7LL * 86'400'000};

/// "23:00" as minutes since midnight; absent when it is none.
std::optional<int> MinuteOfDay(std::string_view text) {
  int hour = 0, minute = 0;
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto h = std::from_chars(text.data(), text.data() + 2, hour);
  const auto m = std::from_chars(text.data() + 3, text.data() + 5, minute);
  const bool good = h.ec == std::errc{} && h.ptr == text.data() + 2 && m.ec == std::errc{} &&
                    m.ptr == text.data() + 5 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
  return good ? std::optional(hour * 60 + minute) : std::nullopt;
}

class SourceLoader {
 public:
  SourceLoader(std::string file, std::filesystem::path folder, std::string hash_key)
      : file_(std::move(file)), folder_(std::move(folder)), hash_key_(std::move(hash_key)) {}

  absl::StatusOr<std::vector<SourceConfig>> Load(const toml::table& root) {
    const toml::node* node = root.get("source");
    std::vector<SourceConfig> sources;
    if (node == nullptr) return sources;
    const toml::array* list = node->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      return absl::InvalidArgumentError(
          absl::StrCat(At(*node), ": 'source' must be written as [[source]], with two brackets"));
    }
    for (const toml::node& entry : *list) {
      SourceConfig source;
      source.line = static_cast<int>(entry.source().begin.line);
      const toml::table& table = *entry.as_table();
      if (absl::Status status = SetAll(file_, table, "source", SourceKeys(&source)); !status.ok())
        return status;
      if (absl::Status status = CheckKind(table, &source); !status.ok()) return status;
      source.hash_key = hash_key_;
      for (const SourceConfig& other : sources) {
        if (!SameName(other.context_id, source.context_id)) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(At(*table.get("context_id")), ": [source] 'context_id' '", source.context_id,
                         "' is that of the [[source]] in line ", other.line, " ('", other.context_id,
                         "'): two sources never share a tenant"));
      }
      for (const SourceConfig& other : sources) {
        if (source.strategy != "cdc" || other.strategy != "cdc" || !SameFile(source.path, other.path))
          continue;
        return absl::InvalidArgumentError(absl::StrCat(
            At(*table.get("path")), ": [source] 'path' is that of the [[source]] in line ", other.line,
            ": two with strategy \"cdc\" would use one change log. Give one of them strategy = "
            "\"populate\""));
      }
      sources.push_back(std::move(source));
    }
    return sources;
  }

 private:
  std::string At(const toml::node& node) const { return absl::StrCat(file_, ":", node.source().begin.line); }

  ConfigKeys SourceKeys(SourceConfig* source) {
    return {{"context_id",
             [source](const Given& given) {
               auto value = AsText(given);
               if (!value.ok()) return value.status();
               if (!CheckContextId(*value).ok()) {
                 return given.Wrong("must be 1 to 64 of the letters A-Z and a-z, digits, '_' and '-'");
               }
               source->context_id = *std::move(value);
               return absl::OkStatus();
             }},
            {"kind", SetOneOf({"sqlite", "csv", "xlsx"}, &source->kind)},
            {"path", SetPath(&source->path, folder_)},
            {"folder", SetPath(&source->path, folder_)},
            {"table", [this, source](const Given& given) { return SetTables(given, source); }},
            {"settle", SetDuration(&source->settle_ms, kNoTime, kIntervalMax)},
            {"rejects", SetPath(&source->rejects, folder_)},
            {"strategy", SetOneOf({"cdc", "synthetic", "watermark", "watermark_cdc", "window", "populate"},
                                  &source->strategy)},
            {"blocked", [source](const Given& given) { return SetBlocked(given, &source->blocked); }},
            {"interval", SetDuration(&source->interval_ms, kIntervalMin, kIntervalMax)},
            {"cron", [source](const Given& given) { return SetCron(given, &source->cron); }},
            {"quiet", [source](const Given& given) { return SetQuiet(given, &source->quiet); }},
            {"retention", SetDuration(&source->retention_ms, kRetentionMin, kRetentionMax)},
            {"count_interval", SetDuration(&source->count_interval_ms, kNoTime, kRetentionMax)},
            {"verify_interval", SetDuration(&source->verify_interval_ms, kNoTime, kRetentionMax)},
            {"repair",
             [source](const Given& given) {
               const auto value = AsBool(given);
               if (!value.ok()) return value.status();
               source->repair = *value;
               return absl::OkStatus();
             }},
            {"max_log",
             [source](const Given& given) {
               auto value = AsNumber(given, kLogMin, kLogMax);
               if (!value.ok()) return value.status();
               source->max_log = static_cast<std::int64_t>(*value);
               return absl::OkStatus();
             }},
            {"copy_at_once",
             [source](const Given& given) {
               auto value = AsBytes(given, 0, static_cast<std::uint64_t>(CopyLimits().max));
               if (!value.ok()) return value.status();
               source->copy_at_once_bytes = static_cast<std::int64_t>(*value);
               return absl::OkStatus();
             }},
            {"include", SetTexts(&source->include)},
            {"skip", SetTexts(&source->skip)}};
  }

  ConfigKeys TableKeys(TableConfig* table) {
    const auto character = [](std::string* target) {
      return [target](const Given& given) {
        auto value = AsText(given);
        if (!value.ok()) return value.status();
        const auto c = static_cast<unsigned char>(value->front());
        if (value->size() != 1 || c >= 0x80 || c == '\n' || c == '\r') {
          return given.Wrong("must be one ASCII character that ends no line");
        }
        *target = *std::move(value);
        return absl::OkStatus();
      };
    };
    return {
        {"name", SetText(&table->name)},
        {"strategy",
         SetOneOf({"cdc", "synthetic", "watermark", "watermark_cdc", "window"}, &table->strategy)},
        {"push", SetOneOf({"direct", "staged"}, &table->push)},
        {"deletes", SetOneOf({"apply", "ignore", "mark"}, &table->deletes)},
        {"preserve_target", SetFlag(&table->preserve_target)},
        {"column_hashes", SetFlag(&table->column_hashes)},
        {"watermark", SetText(&table->watermark)},
        {"deletes_from", [this, table](const Given& given) { return SetFeed(given, &table->deletes_from); }},
        {"precision", [table](const Given& given) { return SetPrecision(given, &table->precision); }},
        {"window", SetDuration(&table->window_ms, kIntervalMin, kRetentionMax)},
        {"time", SetOneOf({"iso", "unix", "unix_ms"}, &table->time)},
        {"file", SetText(&table->file)},
        {"files", SetOneOf({"last", "all"}, &table->files)},
        {"key", SetTexts(&table->key)},
        {"types", [table](const Given& given) { return SetTypes(given, &table->types); }},
        {"separator", character(&table->separator)},
        {"decimal", SetOneOf({".", ","}, &table->decimal)},
        {"sheet", SetText(&table->sheet)},
        {"quote", character(&table->quote)},
        {"as", SetText(&table->steps.as)},
        {"columns", SetTexts(&table->steps.columns)},
        {"rename", [table](const Given& given) { return SetRename(given, &table->steps.rename); }},
        {"where", SetText(&table->steps.where)},
        {"hash", SetTexts(&table->steps.hash)},
        {"mask", [table](const Given& given) { return SetMask(given, &table->steps.mask); }},
        {"encoding", SetOneOf({"utf-8", "latin-1", "windows-1252"}, &table->encoding)}};
  }

  absl::Status SetFeed(const Given& given, std::optional<DeletesFrom>* target) {
    const toml::table* table = given.node->as_table();
    if (table == nullptr) {
      return given.Wrong(
          absl::StrCat("must be a table, as { table = \"customer_deleted\", key = [\"id\"], watermark "
                       "= \"deleted_at\" }, not ",
                       KindOf(*given.node)));
    }
    DeletesFrom& feed = target->emplace();
    absl::Status set = SetAll(file_, *table, "source.table.deletes_from",
                              {{"table", SetText(&feed.table)},
                               {"file", SetText(&feed.file)},
                               {"key", SetTexts(&feed.key)},
                               {"watermark", SetText(&feed.watermark)},
                               {"types", [&feed](const Given& one) { return SetTypes(one, &feed.types); }}});
    if (!set.ok()) return set;
    if (feed.key.empty() || feed.watermark.empty() || feed.table.empty() == feed.file.empty()) {
      return given.Wrong("needs 'table' (of files: 'file'), 'key' and 'watermark'");
    }
    return absl::OkStatus();
  }

  static absl::Status SetRename(const Given& given, std::map<std::string, std::string>* target) {
    const toml::table* table = given.node->as_table();
    if (table == nullptr) {
      return given.Wrong(absl::StrCat(
          "must be a table of columns and their new names, as { old = \"new\" }, not ", KindOf(*given.node)));
    }
    for (const auto& [name, node] : *table) {
      const Given one{absl::StrCat(given.where, " '", std::string(name.str()), "'"), &node, ""};
      if (auto set = SetText(&(*target)[std::string(name.str())])(one); !set.ok()) return set;
    }
    return absl::OkStatus();
  }

  static absl::Status SetMask(const Given& given, std::map<std::string, std::uint32_t>* target) {
    const toml::table* table = given.node->as_table();
    if (table == nullptr) {
      return given.Wrong(absl::StrCat(
          "must be a table of columns and how many characters stay at the end, as { phone = 4 }, "
          "not ",
          KindOf(*given.node)));
    }
    for (const auto& [name, node] : *table) {
      const Given one{absl::StrCat(given.where, " '", std::string(name.str()), "'"), &node, ""};
      const absl::StatusOr<std::int64_t> keep = AsNumber(one, 0, kMaskKeepMax);
      if (!keep.ok()) return keep.status();
      (*target)[std::string(name.str())] = static_cast<std::uint32_t>(*keep);
    }
    return absl::OkStatus();
  }

  absl::Status CheckTableSteps(const toml::table& entry, const SourceConfig& source,
                               const TableConfig& table) const {
    const TableSteps& steps = table.steps;
    const auto wrong = [&](const std::string& key, const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat(At(*entry.get(key)), ": [source.table] '", key, "' ", what));
    };
    if (const auto conflict = FindConflict(steps, table.watermark))
      return wrong(conflict->first, conflict->second);
    if (!steps.hash.empty() && hash_key_.empty()) {
      return wrong("hash",
                   "needs 'hash_key' in [agent], a file with the key; 'openssl rand -hex 32' makes one");
    }
    for (const TableConfig& other : source.tables) {
      if (steps.as.empty() || other.line == table.line || !SameName(other.steps.name(), steps.as)) continue;
      return wrong("as",
                   absl::StrCat("'", steps.as, "' is how the mirror calls the table in line ", other.line));
    }
    return absl::OkStatus();
  }

  absl::Status SetTables(const Given& given, SourceConfig* source) {
    const toml::array* list = given.node->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      return given.Wrong("must be written as [[source.table]], with two brackets");
    }
    for (const toml::node& entry : *list) {
      TableConfig table;
      table.line = static_cast<int>(entry.source().begin.line);
      if (absl::Status status = SetAll(file_, *entry.as_table(), "source.table", TableKeys(&table));
          !status.ok())
        return status;
      if (table.name.empty()) {
        return absl::InvalidArgumentError(
            absl::StrCat(At(entry), ": [[source.table]] without 'name', which it needs"));
      }
      for (const TableConfig& other : source->tables) {
        if (!SameName(other.name, table.name)) continue;
        return absl::InvalidArgumentError(absl::StrCat(At(entry), ": [source.table] 'name' '", table.name,
                                                       "' is that of the table in line ", other.line));
      }
      table.steps.table = table.name;
      table.steps.line = table.line;
      source->tables.push_back(std::move(table));
    }
    return absl::OkStatus();
  }

  static absl::Status SetPrecision(const Given& given, std::string* target) {
    if (given.node->is_integer()) {
      const absl::StatusOr<std::int64_t> step = AsNumber(given, 1, INT64_MAX);
      if (step.ok()) *target = absl::StrCat(*step);
      return step.status();
    }
    return SetOneOf({"day", "hour", "minute", "second"}, target)(given);
  }

  /// What goes together in a [[source.table]].
  absl::Status CheckSourceTable(const toml::table& entry, const SourceConfig& source,
                                const TableConfig& table) const {
    const auto wrong = [&](const char* key, const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat(At(*entry.get(key)), ": [source.table] '", key, "' ", what));
    };
    for (const char* key : {"file", "files", "types"}) {
      if (source.kind == "sqlite" && entry.contains(key))
        return wrong(key, "is for kind = \"csv\" or \"xlsx\" only");
    }
    const bool logged = StrategyOf(source, table) == "cdc" || StrategyOf(source, table) == "populate";
    if (logged && entry.contains("key")) {
      return wrong("key",
                   "is for files, views and tables without a key of their own, which need strategy = "
                   "\"synthetic\" or one of the others that need no change log");
    }
    for (const char* key : {"separator", "decimal", "quote", "encoding"}) {
      if (source.kind != "csv" && entry.contains(key)) return wrong(key, "is for kind = \"csv\" only");
    }
    if (source.kind != "xlsx" && entry.contains("sheet"))
      return wrong("sheet", "is for kind = \"xlsx\" only");
    if (source.kind != "sqlite" && table.strategy == "cdc") {
      return wrong("strategy", "must not be \"cdc\" for files, which have no change log");
    }
    const std::string& strategy = StrategyOf(source, table);
    const bool by_column = strategy == "watermark" || strategy == "watermark_cdc" || strategy == "window";
    if (by_column && table.watermark.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(At(entry), ": [[source.table]] with strategy = \"",
                                                     strategy,
                                                     "\" needs 'watermark', the column by which changes are "
                                                     "found"));
    }
    if (table.deletes_from && table.deletes_from->file.empty() != (source.kind == "sqlite")) {
      return wrong("deletes_from", source.kind == "sqlite"
                                       ? "takes 'table' here, since the source is a database"
                                       : "takes 'file' here, since the source is a folder");
    }
    const std::array<std::pair<const char*, bool>, 6> keys = {
        {{"watermark", by_column},
         {"deletes_from", strategy == "watermark"},
         {"precision", strategy == "watermark_cdc"},
         {"window", strategy == "window"},
         {"time", strategy == "window"},
         {"column_hashes", strategy == "synthetic" || by_column}}};
    for (const auto& [key, fits] : keys) {
      if (entry.contains(key) && !fits) {
        return wrong(key, absl::StrCat("says nothing with strategy = \"", strategy, "\""));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status SetTypes(const Given& given, std::map<std::string, std::string>* target) {
    const toml::table* table = given.node->as_table();
    if (table == nullptr) {
      return given.Wrong(absl::StrCat("must be a table of columns and types, as { id = \"integer\" }, not ",
                                      KindOf(*given.node)));
    }
    for (const auto& [name, node] : *table) {
      const Given one{absl::StrCat(given.where, " '", std::string(name.str()), "'"), &node, ""};
      absl::Status set = SetOneOf({"integer", "real", "text"}, &(*target)[std::string(name.str())])(one);
      if (!set.ok()) return set;
    }
    return absl::OkStatus();
  }

  /// What goes together in a [[source]].
  absl::Status CheckKind(const toml::table& table, SourceConfig* source) const {
    const bool files = source->kind != "sqlite";
    const auto wrong = [&](const char* key, const std::string& what) {
      return absl::InvalidArgumentError(absl::StrCat(At(*table.get(key)), ": [source] '", key, "' ", what));
    };
    for (const char* key : {"folder", "settle", "rejects"}) {
      if (!files && table.contains(key)) return wrong(key, "is for kind = \"csv\" or \"xlsx\" only");
    }
    for (const char* key : {"path", "include", "skip", "blocked", "retention", "max_log", "copy_at_once"}) {
      if (files && table.contains(key))
        return wrong(key, absl::StrCat("is not for kind = \"", source->kind, "\""));
    }
    if (table.contains("cron") && table.contains("interval")) {
      return wrong("cron", "and 'interval' both say when it runs: leave one of them out");
    }
    if (files && !table.contains("strategy")) source->strategy = "synthetic";
    if (files && (source->strategy == "cdc" || source->strategy == "populate")) {
      return wrong("strategy", absl::StrCat("must not be \"", source->strategy,
                                            "\" for files, which have no change log: use \"synthetic\""));
    }
    const char* const place = files ? "folder" : "path";
    for (const char* key : {"context_id", place}) {
      if (table.contains(key)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(file_, ":", source->line, ": [[source]] without '", key, "', which it needs"));
    }
    if (const toml::array* list = table["table"].as_array(); list != nullptr) {
      for (std::size_t i = 0; i < source->tables.size(); ++i) {
        const toml::table& entry = *list->get(i)->as_table();
        absl::Status checked = CheckSourceTable(entry, *source, source->tables[i]);
        if (checked.ok()) checked = CheckTableSteps(entry, *source, source->tables[i]);
        if (!checked.ok()) return checked;
      }
    }
    for (TableConfig& one : source->tables) {
      if (one.file.empty()) one.file = absl::StrCat(one.name, ".", source->kind);
    }
    if (files && source->tables.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(file_, ":", source->line,
                                                     ": [[source]] without a [[source.table]]: each table of "
                                                     "a folder needs one, with 'name' and 'key'"));
    }
    return absl::OkStatus();
  }

  static absl::Status SetBlocked(const Given& given, std::map<std::string, std::string>* target) {
    const toml::table* table = given.node->as_table();
    if (table == nullptr) {
      return given.Wrong(absl::StrCat(
          "must be a table of names and reasons, as { salaries = \"never leaves the house\" }, not ",
          KindOf(*given.node)));
    }
    target->clear();
    for (const auto& [name, node] : *table) {
      const auto* reason = node.as_string();
      if (reason == nullptr || reason->get().empty()) {
        return given.Wrong(absl::StrCat("needs a reason for '", std::string(name.str()), "', as a text"));
      }
      (*target)[std::string(name.str())] = reason->get();
    }
    return absl::OkStatus();
  }

  static absl::Status SetCron(const Given& given, std::optional<CronRule>* target) {
    auto text = AsText(given);
    if (!text.ok()) return text.status();
    auto rule = CronRule::Parse(*text);
    if (!rule.ok()) return given.Wrong(absl::StrCat("cannot be taken: ", rule.status().message()));
    *target = *std::move(rule);
    return absl::OkStatus();
  }

  static absl::Status SetQuiet(const Given& given, std::vector<QuietHours>* target) {
    auto texts = AsTexts(given);
    if (!texts.ok()) return texts.status();
    target->clear();
    for (const std::string& text : *texts) {
      const std::string_view view = text;
      const bool whole = view.size() == 11 && view[5] == '-';
      const int from = whole ? MinuteOfDay(view.substr(0, 5)).value_or(-1) : -1;
      const int to = whole ? MinuteOfDay(view.substr(6)).value_or(-1) : -1;
      if (from < 0 || to < 0 || from == to) {
        return given.Wrong(absl::StrCat("must hold times of the day, as \"23:00-06:00\", not '", text, "'"));
      }
      target->push_back({from, to});
    }
    return absl::OkStatus();
  }

  static bool SameFile(const std::string& a, const std::string& b) {
    std::error_code error;
    return a == b || std::filesystem::equivalent(a, b, error);
  }

  const std::string file_;
  const std::filesystem::path folder_;
  const std::string hash_key_;
};

}  // namespace

absl::StatusOr<std::vector<SourceConfig>> LoadSources(const toml::table& root, const std::string& file,
                                                      const std::filesystem::path& folder,
                                                      const std::string& hash_key) {
  return SourceLoader(file, folder, hash_key).Load(root);
}

}  // namespace mirror

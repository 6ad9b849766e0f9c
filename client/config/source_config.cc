#include "client/config/source_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/digest.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "base/text/config_file.h"
#include "base/text/config_node.h"
#include "client/config/dsn.h"
#include "proto/wire/table.h"
#include "proto/wire/turned_value.h"

// Keys that only some kinds of sources have; the rows of keys.toml list the kinds.

MIRROR_EMBEDDED(agent_keys);

namespace mirror {
namespace {

constexpr std::size_t kSlotNameMax = 63, kSlotHashDigits = 8;
constexpr std::size_t kServerIdDigits = 8;
constexpr std::uint32_t kServerIdFirst = 1U << 31;

using Place = KindTraits::Place;

constexpr KindTraits kTraits[] = {
    {.kind = SourceKind::kSqlite, .takes_deliveries = true},
    {SourceKind::kCsv, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic},
    {SourceKind::kXlsx, Place::kFolder, "folder", "files", false, true, Strategy::kSynthetic},
    {SourceKind::kPostgres, Place::kServer, "dsn", "PostgreSQL databases", true, false, Strategy::kCdc,
     /*has_reader=*/true, /*reads_log=*/true, /*reads_views=*/false, /*takes_deliveries=*/true},
    {SourceKind::kMariadb, Place::kServer, "dsn", "MariaDB databases", true, false, Strategy::kCdc,
     /*has_reader=*/true, /*reads_log=*/true, /*reads_views=*/false, /*takes_deliveries=*/true},
    {SourceKind::kOdbc, Place::kServer, "dsn", "ODBC databases", false, false, Strategy::kSynthetic,
     /*has_reader=*/true, /*reads_log=*/false, /*reads_views=*/false}};

struct KindKey {
  std::string name;
  std::vector<SourceKind> kinds;  ///< Kinds that have the key.
};

/// Returns the keys of a table that only some kinds have.
std::vector<KindKey> DescribedKindKeys(std::string_view table) {
  std::vector<KindKey> keys;
  for (const ConfigNode& row : DescribedRows(mirror_embedded_agent_keys[0], table)) {
    const ConfigNode* const kinds = row.Find("kinds");
    if (kinds == nullptr) continue;
    KindKey& key = keys.emplace_back(KindKey{row.Find("name")->text, {}});
    for (const ConfigNode& kind : kinds->entries) key.kinds.push_back(ParseSourceKind(kind.text).value());
  }
  return keys;
}

bool Has(const KindKey& key, SourceKind kind) {
  return std::find(key.kinds.begin(), key.kinds.end(), kind) != key.kinds.end();
}

/// Returns "csv", "odbc" or "xlsx", with their quotes.
std::string Names(const std::vector<SourceKind>& kinds) {
  std::string names;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const char* const before = i == 0 ? "" : i + 1 == kinds.size() ? " or " : ", ";
    absl::StrAppend(&names, before, "\"", ToString(kinds[i]), "\"");
  }
  return names;
}

/// Refuses a key that is not for this kind of source.
absl::Status CheckKeys(const ConfigTable& block, SourceKind kind, const std::vector<KindKey>& keys) {
  for (const KindKey& key : keys) {
    if (Has(key, kind) || !block.Has(key.name)) continue;
    // If the default kind has the key, most kinds have it.
    if (Has(key, SourceConfig().kind)) {
      return block.Wrong(key.name, absl::StrCat("is not for kind = \"", ToString(kind), "\""));
    }
    return block.Wrong(key.name, absl::StrCat("is for kind = ", Names(key.kinds), " only"));
  }
  return absl::OkStatus();
}

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

/// The strategies that a single table may have; kPopulate is for whole sources only.
EnumWords<Strategy> TableStrategies() {
  EnumWords<Strategy> words;
  for (const auto& [word, strategy] : StrategyWords()) {
    if (strategy != Strategy::kPopulate) words.emplace_back(word, strategy);
  }
  return words;
}

/// Refuses a column that is named twice. Names that differ only by ASCII case name the same column.
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

/// Sets a value for each of some columns.
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

/// Refuses keys that have no effect with this kind of source.
absl::Status CheckKind(const ConfigTable& block, const SourceConfig& source, const TableConfig& table) {
  const bool files = IsFolder(source.kind);
  const KindTraits& traits = TraitsOf(source.kind);
  static const std::vector<KindKey> keys = DescribedKindKeys("[[source.table]]");
  RETURN_IF_ERROR(CheckKeys(block, source.kind, keys));
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

/// Refuses keys that have no effect with this strategy.
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
      return block.Wrong(
          absl::StrCat("'name' '", table.name, "' is already the name of the table in line ", other.line));
    }
    if (SameName(other.steps.name(), steps.name())) {
      return block.Wrong(steps.as.empty() ? "name" : "as",
                         absl::StrCat("'", steps.name(),
                                      "' is already the mirror's name of the table in line ", other.line));
    }
  }
  return absl::OkStatus();
}

/// Reads a [[source.table]] of `source`, which has the earlier ones. Errors: see LoadAgentConfig().
absl::StatusOr<TableConfig> LoadTable(const ConfigTable& block, const SourceConfig& source) {
  TableConfig table;
  table.line = block.line();
  RETURN_IF_ERROR(block.Read(TableKeys(block, &table)));
  table.steps.table = table.name;
  table.steps.line = table.line;
  RETURN_IF_ERROR(CheckKind(block, source, table));
  RETURN_IF_ERROR(CheckStrategy(block, StrategyOf(source, table), table));
  RETURN_IF_ERROR(CheckTableSteps(block, source, table));
  if (table.file.empty()) table.file = absl::StrCat(table.name, ".", ToString(source.kind));
  return table;
}

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kDatajoinTables[] = {"ds_change_outbox", "ds_change_inbox", "ds_program_parameter"};
constexpr std::int64_t kLogMin = 1'000, kLogMax = 1'000'000'000;
constexpr std::size_t kSlotMax = 63;  // Maximum bytes of a name in PostgreSQL.
constexpr std::int64_t kServerIdMax = 4'294'967'295;
constexpr std::uint64_t kStageMin = 1'000'000, kStageMax = 16'000'000'000'000;
constexpr hours kWeek(24 * 7), kTenYears(24 * 3650);

/// Parses "23:00" to minutes since midnight; absent: it is no time.
std::optional<int> MinuteOfDay(std::string_view text) {
  int hour = 0, minute = 0;
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto h = std::from_chars(text.data(), text.data() + 2, hour);
  const auto m = std::from_chars(text.data() + 3, text.data() + 5, minute);
  const bool good = h.ec == std::errc{} && h.ptr == text.data() + 2 && m.ec == std::errc{} &&
                    m.ptr == text.data() + 5 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
  return good ? std::optional(hour * 60 + minute) : std::nullopt;
}

Setter SetContextId(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (!CheckContextId(text).ok()) {
      return given.Wrong("must be 1 to 64 of the letters A-Z and a-z, digits, '_' and '-'");
    }
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetBlocked(std::map<std::string, std::string>* target) {
  return [target](const Given& given) -> absl::Status {
    if (given.node.kind != ConfigNode::Kind::kTable) {
      return given.Wrong(absl::StrCat(
          "must be a table of names and reasons, as { salaries = \"never leaves the house\" }, not ",
          KindName(given.node.kind)));
    }
    target->clear();
    for (const ConfigNode& entry : given.node.entries) {
      if (entry.kind != ConfigNode::Kind::kText || entry.text.empty()) {
        return given.Wrong(absl::StrCat("needs a reason for '", entry.name, "', as a text"));
      }
      (*target)[entry.name] = entry.text;
    }
    return absl::OkStatus();
  };
}

/// Sets the only entry of a list.
Setter SetOnly(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::vector<std::string> texts, AsTexts(given));
    if (texts.size() != 1 || texts.front().empty()) return given.Wrong("must hold exactly one name");
    *target = std::move(texts.front());
    return absl::OkStatus();
  };
}

/// Accepts only characters that PostgreSQL allows in the name of a slot.
Setter SetSlot(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    const bool good =
        !text.empty() && text.size() <= kSlotMax && std::all_of(text.begin(), text.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        });
    if (!good) return given.Wrong("must be 1 to 63 of the letters a-z, digits and '_'");
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetPublication(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::string text, AsText(given));
    if (text.empty() || text.size() > kSlotMax) return given.Wrong("must be a name of 1 to 63 bytes");
    *target = std::move(text);
    return absl::OkStatus();
  };
}

Setter SetCron(std::optional<CronRule>* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(const std::string text, AsText(given));
    absl::StatusOr<CronRule> rule = CronRule::Parse(text);
    if (!rule.ok()) return given.Wrong(absl::StrCat("is not a schedule: ", rule.status().message()));
    *target = *std::move(rule);
    return absl::OkStatus();
  };
}

Setter SetQuiet(std::vector<QuietHours>* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(const std::vector<std::string> texts, AsTexts(given));
    target->clear();
    for (const std::string& written : texts) {
      const std::string_view text = written;
      const bool whole = text.size() == 11 && text[5] == '-';
      const int from = whole ? MinuteOfDay(text.substr(0, 5)).value_or(-1) : -1;
      const int to = whole ? MinuteOfDay(text.substr(6)).value_or(-1) : -1;
      if (from < 0 || to < 0 || from == to) {
        return given.Wrong(
            absl::StrCat("must hold times of the day, as \"23:00-06:00\", not '", written, "'"));
      }
      target->push_back({from, to});
    }
    return absl::OkStatus();
  };
}

Setter SetAccept(AcceptConfig* target) {
  return [target](const Given& given) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<std::string> words, AsTexts(given));
    target->inserts = target->updates = target->deletes = false;
    for (const std::string& word : words) {
      bool* const what = word == "insert"   ? &target->inserts
                         : word == "update" ? &target->updates
                         : word == "delete" ? &target->deletes
                                            : nullptr;
      if (what == nullptr) {
        return given.Wrong(
            absl::StrCat("must hold \"insert\", \"update\" or \"delete\", not \"", word, "\""));
      }
      *what = true;
    }
    return absl::OkStatus();
  };
}

Setter SetAcceptColumns(std::vector<std::string>* target) {
  return [target](const Given& given) -> absl::Status {
    ASSIGN_OR_RETURN(std::vector<std::string> texts, AsTexts(given));
    for (const std::string& text : texts) {
      if (text.find('.') != std::string::npos) continue;
      return given.Wrong(
          absl::StrCat("must hold columns with their tables, as \"customer.city\", not \"", text, "\""));
    }
    *target = std::move(texts);
    return absl::OkStatus();
  };
}

/// Names that only one source may have, and the index of that source.
/// A map, because there are files with thousands of sources.
struct Claims {
  std::map<std::string, std::size_t> context_ids;  ///< Folded.
  std::map<std::string, std::size_t> paths;        ///< Paths of change logs, missing files included.
  std::map<std::pair<dev_t, ino_t>, std::size_t> files;
  std::map<std::string, std::size_t> of_servers;  ///< Slots, publications and server ids of logs.
};

/// Returns the index of the first source with this name; `index` itself if there is no earlier one.
template <typename What>
std::size_t FirstOf(std::map<What, std::size_t>* claims, const What& what, std::size_t index) {
  return claims->try_emplace(what, index).first->second;
}

/// An object that reads the log of a server's database; two sources may not share it.
struct LogClaim {
  const char* key;
  const char* called;
  std::string what;
};
std::vector<LogClaim> LogClaims(const SourceConfig& source) {
  if (!UsesLog(source)) return {};
  const ServerSource& server = source.server;
  if (source.kind == SourceKind::kMariadb) {
    return {{"server_id", "the replica's number", absl::StrCat("server_id ", ServerIdOf(source))}};
  }
  const std::string own = SlotName(source.context_id);
  const auto name_of = [&own](const std::string& given) { return given.empty() ? own : given; };
  // The name of a slot is unique over all databases of a server.
  const std::string at = source.path.substr(0, source.path.rfind(", database "));
  return {{"slot", "the slot", absl::StrCat("slot ", name_of(server.slot), " of ", at)},
          {"publication", "the publication",
           absl::StrCat("publication ", name_of(server.publication), " of ", source.path)}};
}

class SourceLoader {
 public:
  SourceLoader(const ConfigFile& file, const SourceDefaults& defaults) : file_(file), defaults_(defaults) {}

  absl::StatusOr<std::vector<SourceConfig>> Load() const {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file_.Blocks("source"));
    std::vector<SourceConfig> sources;
    Claims claims;
    for (const ConfigTable& block : blocks) {
      SourceConfig source;
      source.line = block.line();
      source.hash_key = defaults_.hash_key;
      source.follow = defaults_.follow;
      RETURN_IF_ERROR(block.Read(Keys(&source)));
      RETURN_IF_ERROR(CheckKind(block, &source));
      RETURN_IF_ERROR(CheckPlace(block, &source));
      RETURN_IF_ERROR(LoadTables(block, &source));
      RETURN_IF_ERROR(CheckFollow(block, &source));
      RETURN_IF_ERROR(CheckAccept(block, source));
      RETURN_IF_ERROR(CheckLayout(block, &source));
      RETURN_IF_ERROR(CheckOthers(block, source, sources, &claims));
      sources.push_back(std::move(source));
    }
    return sources;
  }

 private:
  Setter Path(std::string* target) const { return SetPath(target, file_.folder()); }

  ConfigKeys Keys(SourceConfig* source) const {
    return {
        {"context_id", SetContextId(&source->context_id), &source->context_id},
        {"kind", SetOneOf(&source->kind, SourceKindWords())},
        {"path", Path(&source->path)},
        {"folder", Path(&source->path)},
        {"table", SetElsewhere()},
        {"settle", SetMilliseconds(&source->settle_ms, seconds(0), kWeek)},
        {"rejects", Path(&source->rejects)},
        {"strategy", SetOneOf(&source->strategy, StrategyWords())},
        {"blocked", SetBlocked(&source->blocked)},
        {"interval", SetMilliseconds(&source->interval_ms, milliseconds(100), kWeek)},
        {"cron", SetCron(&source->cron)},
        {"quiet", SetQuiet(&source->quiet)},
        {"follow", SetFlag(&source->follow)},
        {"follow_delay", SetMilliseconds(&source->follow_delay_ms, seconds(0), seconds(10))},
        {"retention", SetMilliseconds(&source->retention_ms, seconds(1), kTenYears)},
        {"count_interval", SetMilliseconds(&source->count_interval_ms, seconds(0), kTenYears)},
        {"verify_interval", SetMilliseconds(&source->verify_interval_ms, seconds(0), kTenYears)},
        {"repair", SetFlag(&source->repair)},
        {"max_log", SetWhole(&source->max_log, kLogMin, kLogMax)},
        {"accept", SetAccept(&source->accept)},
        {"accept_tables", SetTexts(&source->accept.tables, ListRule::kNamed)},
        {"accept_columns", SetAcceptColumns(&source->accept.columns)},
        {"layout", SetOneOf(&source->exchange.layout,
                            {{"plain", ExchangeLayout::kPlain}, {"datajoin", ExchangeLayout::kDatajoin}})},
        {"capture", SetOneOf(&source->exchange.capture,
                             {{"log", ChangeCapture::kLog}, {"outbox", ChangeCapture::kOutbox}})},
        {"copy_at_once",
         SetSize(&source->copy_at_once_bytes, 0, static_cast<std::uint64_t>(CopyLimits().max))},
        {"include", SetTexts(&source->include, ListRule::kNamed)},
        {"skip", SetTexts(&source->skip, ListRule::kNamed)},
        {"dsn", SetText(&source->server.dsn)},
        {"password_file", Path(&source->server.password_file)},
        {"schemas", SetOnly(&source->server.schema)},
        {"slot", SetSlot(&source->server.slot)},
        {"publication", SetPublication(&source->server.publication)},
        {"snapshot_wait", SetMilliseconds(&source->server.snapshot_wait_ms, seconds(0), hours(24))},
        {"max_stage", SetSize(&source->server.max_stage_bytes, kStageMin, kStageMax)},
        {"max_wal", SetSize(&source->server.max_wal_bytes, kStageMin, kStageMax)},
        {"server_id", SetWhole(&source->server.server_id, 1, kServerIdMax)},
        {"dialect", SetOneOf(&source->server.dialect, {"auto", "postgres", "mysql", "sqlite", "generic"})}};
  }

  static absl::Status CheckKind(const ConfigTable& block, SourceConfig* source) {
    const KindTraits& traits = TraitsOf(source->kind);
    if (!traits.has_reader) {
      return block.Wrong("kind", absl::StrCat("is \"", ToString(source->kind),
                                              "\", and this build has no reader for ", traits.called));
    }
    static const std::vector<KindKey> keys = DescribedKindKeys("[[source]]");
    RETURN_IF_ERROR(CheckKeys(block, source->kind, keys));
    if (block.Has("cron") && block.Has("interval")) {
      return block.Wrong("cron", "and 'interval' both say when it runs: leave one of them out");
    }
    if (!block.Has("strategy")) source->strategy = traits.strategy;
    if (!traits.has_log && IsLogged(source->strategy)) {
      return block.Wrong("strategy",
                         absl::StrCat("must not be \"", ToString(source->strategy), "\" for ", traits.called,
                                      ", which have no change log: use \"synthetic\""));
    }
    if (!traits.reads_log && source->strategy == Strategy::kCdc) {
      return block.Wrong(block.Has("strategy") ? "strategy" : "kind",
                         absl::StrCat("needs the log of ", traits.called,
                                      ", which this build cannot read: set strategy = \"synthetic\""));
    }
    if (source->kind == SourceKind::kOdbc && !block.Has("schemas")) source->server.schema.clear();
    return absl::OkStatus();
  }

  static absl::Status CheckFollow(const ConfigTable& block, SourceConfig* source) {
    if (source->follow && block.Has("follow") && !UsesLog(*source)) {
      return block.Wrong("follow", "needs the change log, which strategy = \"cdc\" uses");
    }
    source->follow = source->follow && UsesLog(*source);
    if (!block.Has("follow_delay") || source->follow) return absl::OkStatus();
    return block.Wrong("follow_delay", "goes with follow = true, which is missing");
  }

  /// Deliveries are written into the source itself, and its change log reports them to the next push.
  static absl::Status CheckAccept(const ConfigTable& block, const SourceConfig& source) {
    if (!source.accept.any()) return absl::OkStatus();
    if (!TraitsOf(source.kind).takes_deliveries) {
      return block.Wrong("accept", absl::StrCat("is not for kind = \"", ToString(source.kind),
                                                "\": this version can import only into databases of SQLite, "
                                                "PostgreSQL and MariaDB"));
    }
    if (source.strategy == Strategy::kCdc) return absl::OkStatus();
    return block.Wrong("accept",
                       "needs a change log, so that the next push reports the imported rows: set strategy = "
                       "\"cdc\"");
  }

  static absl::Status CheckLayout(const ConfigTable& block, SourceConfig* source) {
    if (!source->exchange.datajoin()) {
      if (source->exchange.capture == ChangeCapture::kLog) return absl::OkStatus();
      return block.Wrong("capture", "needs layout = \"datajoin\", which is not set");
    }
    if (!source->accept.any()) {
      return block.Wrong("layout",
                         "needs 'accept': without it the source has no exchange, so there is no inbox or "
                         "outbox to fill");
    }
    // The boxes are local to this source: if mirrored, they would be a new change in each round.
    for (const char* const name : kDatajoinTables) source->skip.emplace_back(name);
    return absl::OkStatus();
  }

  static absl::Status CheckPlace(const ConfigTable& block, SourceConfig* source) {
    const KindTraits& traits = TraitsOf(source->kind);
    const char* const place = traits.place_key;
    RETURN_IF_ERROR(block.CheckHas({place}));
    if (IsServer(source->kind)) {
      const std::string problem = DsnProblem(source->kind, source->server.dsn);
      if (!problem.empty()) return block.Wrong(place, problem);
      source->path = DsnPlace(source->kind, source->server.dsn);
    }
    if (source->path.empty()) return block.Wrong(place, "must not be empty");
    if (!traits.lists_tables || block.Has("table")) return absl::OkStatus();
    return block.Wrong("has no [[source.table]]: each table of a folder needs one, with 'name' and 'key'");
  }

  absl::Status LoadTables(const ConfigTable& block, SourceConfig* source) const {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> tables, block.Blocks("table", "source.table"));
    for (const ConfigTable& table : tables) {
      ASSIGN_OR_RETURN(TableConfig loaded, LoadTable(table, *source));
      source->tables.push_back(std::move(loaded));
    }
    return absl::OkStatus();
  }

  /// Refuses a source that shares a unique name with one of `others`.
  static absl::Status CheckOthers(const ConfigTable& block, const SourceConfig& source,
                                  const std::vector<SourceConfig>& others, Claims* claims) {
    const std::size_t index = others.size();
    if (const std::size_t first = FirstOf(&claims->context_ids, FoldName(source.context_id), index);
        first != index) {
      return block.Wrong("context_id", absl::StrCat("'", source.context_id,
                                                    "' is already the tenant of the [[source]] in line ",
                                                    others[first].line, " ('", others[first].context_id,
                                                    "'): each source needs its own tenant"));
    }
    if (IsServer(source.kind)) return CheckServers(block, source, others, claims);
    // The change log of a file is inside it.
    if (source.strategy != Strategy::kCdc || !IsFile(source.kind)) return absl::OkStatus();
    std::size_t first = FirstOf(&claims->paths, source.path, index);
    struct stat info = {};
    if (first == index && stat(source.path.c_str(), &info) == 0) {
      first = FirstOf(&claims->files, std::pair(info.st_dev, info.st_ino), index);
    }
    if (first == index) return absl::OkStatus();
    return block.Wrong("path",
                       absl::StrCat("is already used by the [[source]] in line ", others[first].line,
                                    ": two sources with strategy \"cdc\" would use one change log. Give one "
                                    "of them strategy = \"synthetic\""));
  }

  /// The same for the objects that read the logs of servers' databases.
  static absl::Status CheckServers(const ConfigTable& block, const SourceConfig& source,
                                   const std::vector<SourceConfig>& others, Claims* claims) {
    for (const LogClaim& claim : LogClaims(source)) {
      const std::size_t first = FirstOf(&claims->of_servers, claim.what, others.size());
      if (first == others.size()) continue;
      return block.Wrong(
          block.Has(claim.key) ? claim.key : "context_id",
          absl::StrCat("makes ", claim.called, " the same as in the [[source]] in line ", others[first].line,
                       ": each source needs its own. Give one of them another '", claim.key, "'"));
    }
    return absl::OkStatus();
  }

  const ConfigFile& file_;
  const SourceDefaults& defaults_;
};

}  // namespace

std::string SlotName(const std::string& context_id) {
  const std::string lower = absl::AsciiStrToLower(context_id);
  std::string name = absl::StrCat("_mirror_", lower);
  std::replace_if(
      name.begin(), name.end(),
      [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return !absl::ascii_islower(byte) && !absl::ascii_isdigit(byte) && c != '_';
      },
      '_');
  if (name == absl::StrCat("_mirror_", lower) && name.size() <= kSlotNameMax) return name;
  name.resize(std::min(name.size(), kSlotNameMax - 1 - kSlotHashDigits));
  return absl::StrCat(name, "_", HexDigest(lower).substr(0, kSlotHashDigits));
}

std::uint32_t DefaultServerId(const std::string& context_id) {
  const std::string digits = HexDigest(absl::AsciiStrToLower(context_id)).substr(0, kServerIdDigits);
  return static_cast<std::uint32_t>(std::stoul(digits, nullptr, 16)) | kServerIdFirst;
}

const EnumWords<SourceKind>& SourceKindWords() {
  static const EnumWords<SourceKind> kWords = {
      {"sqlite", SourceKind::kSqlite},     {"csv", SourceKind::kCsv},         {"xlsx", SourceKind::kXlsx},
      {"postgres", SourceKind::kPostgres}, {"mariadb", SourceKind::kMariadb}, {"odbc", SourceKind::kOdbc}};
  return kWords;
}
std::string ToString(SourceKind kind) { return WordOf(SourceKindWords(), kind); }
std::optional<SourceKind> ParseSourceKind(std::string_view word) { return ValueOf(SourceKindWords(), word); }

const KindTraits& TraitsOf(SourceKind kind) {
  return *std::find_if(std::begin(kTraits), std::end(kTraits) - 1,
                       [kind](const KindTraits& traits) { return traits.kind == kind; });
}

bool UsesLog(const SourceConfig& source) {
  return source.strategy == Strategy::kCdc ||
         std::any_of(source.tables.begin(), source.tables.end(),
                     [](const TableConfig& table) { return table.strategy == Strategy::kCdc; });
}

absl::StatusOr<std::vector<SourceConfig>> LoadSources(const ConfigFile& file,
                                                      const SourceDefaults& defaults) {
  return SourceLoader(file, defaults).Load();
}

}  // namespace mirror

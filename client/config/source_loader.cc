#include "client/config/source_loader.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/config/dsn.h"
#include "client/config/kind_keys.h"
#include "client/config/table_loader.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kDatajoinTables[] = {"ds_change_outbox", "ds_change_inbox", "ds_program_parameter"};
constexpr std::int64_t kLogMin = 1'000, kLogMax = 1'000'000'000;
constexpr std::size_t kSlotMax = 63;  // Bytes of a name of PostgreSQL's.
constexpr std::int64_t kServerIdMax = 4'294'967'295;
constexpr std::uint64_t kStageMin = 1'000'000, kStageMax = 16'000'000'000'000;
constexpr hours kWeek(24 * 7), kTenYears(24 * 3650);

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

/// A list of one.
Setter SetOnly(std::string* target) {
  return [target](const Given& given) {
    ASSIGN_OR_RETURN(std::vector<std::string> texts, AsTexts(given));
    if (texts.size() != 1 || texts.front().empty()) return given.Wrong("must hold exactly one name");
    *target = std::move(texts.front());
    return absl::OkStatus();
  };
}

/// Letters that PostgreSQL lets a slot have.
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

/// What only one source may have, and the index of the one that has it: looked up, since there are files with
/// thousands of sources.
struct Claims {
  std::map<std::string, std::size_t> context_ids;  ///< Folded.
  std::map<std::string, std::size_t> paths;        ///< Of change logs, also those that are not there yet.
  std::map<std::pair<dev_t, ino_t>, std::size_t> files;
  std::map<std::string, std::size_t> of_servers;  ///< What logs of servers' databases are read by.
};

/// The index of the source that has it; `index` itself when no earlier one does.
template <typename What>
std::size_t FirstOf(std::map<What, std::size_t>* claims, const What& what, std::size_t index) {
  return claims->try_emplace(what, index).first->second;
}

/// What a log of a server's database is read by, of which no two sources may have the same.
struct LogClaim {
  const char* key;
  const char* called;
  std::string what;
};
std::vector<LogClaim> LogClaims(const SourceConfig& source) {
  const bool logged = source.strategy == Strategy::kCdc ||
                      std::any_of(source.tables.begin(), source.tables.end(),
                                  [](const TableConfig& table) { return table.strategy == Strategy::kCdc; });
  if (!logged) return {};
  const ServerSource& server = source.server;
  if (source.kind == SourceKind::kMariadb) {
    return {{"server_id", "the replica's number", absl::StrCat("server_id ", ServerIdOf(source))}};
  }
  const std::string own = SlotName(source.context_id);
  const auto name_of = [&own](const std::string& given) { return given.empty() ? own : given; };
  // A slot's name is one in all databases of a server.
  const std::string at = source.path.substr(0, source.path.rfind(", database "));
  return {{"slot", "the slot", absl::StrCat("slot ", name_of(server.slot), " of ", at)},
          {"publication", "the publication",
           absl::StrCat("publication ", name_of(server.publication), " of ", source.path)}};
}

class SourceLoader {
 public:
  SourceLoader(const ConfigFile& file, const std::string& hash_key) : file_(file), hash_key_(hash_key) {}

  absl::StatusOr<std::vector<SourceConfig>> Load() const {
    ASSIGN_OR_RETURN(const std::vector<ConfigTable> blocks, file_.Blocks("source"));
    std::vector<SourceConfig> sources;
    Claims claims;
    for (const ConfigTable& block : blocks) {
      SourceConfig source;
      source.line = block.line();
      source.hash_key = hash_key_;
      absl::Status status = block.Read(Keys(&source));
      if (status.ok()) status = CheckKind(block, &source);
      if (status.ok()) status = CheckPlace(block, &source);
      if (status.ok()) status = LoadTables(block, &source);
      if (status.ok()) status = CheckAccept(block, source);
      if (status.ok()) status = CheckLayout(block, &source);
      if (status.ok()) status = CheckOthers(block, source, sources, &claims);
      if (!status.ok()) return status;
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
    RETURN_IF_ERROR(CheckSourceKeys(block, source->kind));
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
                         absl::StrCat("would have the log of ", traits.called,
                                      " read, which this build cannot: say strategy = \"synthetic\""));
    }
    if (source->kind == SourceKind::kOdbc && !block.Has("schemas")) source->server.schema.clear();
    return absl::OkStatus();
  }

  /// What is written for the exchange stands in the source, and its change log tells the next push of it.
  static absl::Status CheckAccept(const ConfigTable& block, const SourceConfig& source) {
    if (!source.accept.any()) return absl::OkStatus();
    if (!TraitsOf(source.kind).takes_deliveries) {
      return block.Wrong("accept", absl::StrCat("is not for kind = \"", ToString(source.kind),
                                                "\": this version can import into databases of SQLite, "
                                                "PostgreSQL and MariaDB alone"));
    }
    if (source.strategy == Strategy::kCdc) return absl::OkStatus();
    return block.Wrong("accept",
                       "needs a change log, by which the next push tells of what was imported: set "
                       "strategy = \"cdc\"");
  }

  static absl::Status CheckLayout(const ConfigTable& block, SourceConfig* source) {
    if (!source->exchange.datajoin()) {
      if (source->exchange.capture == ChangeCapture::kLog) return absl::OkStatus();
      return block.Wrong("capture", "goes with layout = \"datajoin\", which is missing");
    }
    if (!source->accept.any()) {
      return block.Wrong("layout",
                         "needs 'accept': without it the source has no exchange, and no boxes to be filled");
    }
    // What stands in the boxes is of this source: in the mirror it would be news with each round.
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

  /// Refuses a source that shares with one of `others` what only one may have.
  static absl::Status CheckOthers(const ConfigTable& block, const SourceConfig& source,
                                  const std::vector<SourceConfig>& others, Claims* claims) {
    const std::size_t index = others.size();
    if (const std::size_t first = FirstOf(&claims->context_ids, FoldName(source.context_id), index);
        first != index) {
      return block.Wrong(
          "context_id",
          absl::StrCat("'", source.context_id, "' is that of the [[source]] in line ", others[first].line,
                       " ('", others[first].context_id, "'): two sources never share a tenant"));
    }
    if (IsServer(source.kind)) return CheckServers(block, source, others, claims);
    // Of a file the change log is in it.
    if (source.strategy != Strategy::kCdc || !IsFile(source.kind)) return absl::OkStatus();
    std::size_t first = FirstOf(&claims->paths, source.path, index);
    struct stat info = {};
    if (first == index && stat(source.path.c_str(), &info) == 0) {
      first = FirstOf(&claims->files, std::pair(info.st_dev, info.st_ino), index);
    }
    if (first == index) return absl::OkStatus();
    return block.Wrong("path",
                       absl::StrCat("is that of the [[source]] in line ", others[first].line,
                                    ": two with strategy \"cdc\" would use one change log. Give one of "
                                    "them strategy = \"synthetic\""));
  }

  /// The same of what the logs of servers' databases are read by.
  static absl::Status CheckServers(const ConfigTable& block, const SourceConfig& source,
                                   const std::vector<SourceConfig>& others, Claims* claims) {
    for (const LogClaim& claim : LogClaims(source)) {
      const std::size_t first = FirstOf(&claims->of_servers, claim.what, others.size());
      if (first == others.size()) continue;
      return block.Wrong(
          block.Has(claim.key) ? claim.key : "context_id",
          absl::StrCat("makes ", claim.called, " that of the [[source]] in line ", others[first].line,
                       ": each log is read by its own. Give one of them another '", claim.key, "'"));
    }
    return absl::OkStatus();
  }

  const ConfigFile& file_;
  const std::string& hash_key_;
};

}  // namespace

absl::StatusOr<std::vector<SourceConfig>> LoadSources(const ConfigFile& file, const std::string& hash_key) {
  return SourceLoader(file, hash_key).Load();
}

}  // namespace mirror

#include "client/config.h"

#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/wire/table.h"
#include "proto/wire/turned_value.h"

namespace mirror {
namespace {

constexpr std::uint64_t kBatchBytesMin = 1'000;
constexpr std::uint64_t kBatchBytesMax = 8'000'000;
constexpr std::int64_t kWindowMax = 64;
constexpr std::int64_t kLogMin = 1'000, kLogMax = 1'000'000'000;

/// A value as it came from the file or from the environment.
struct Given {
  std::string where;                 ///< "mirror-agent.toml:12: [agent] 'window'" or "MIRROR_AGENT_WINDOW".
  const toml::node* node = nullptr;  ///< Null: `text` came from the environment.
  std::string text;

  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(where, " ", what));
  }
};

std::string KindOf(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

absl::StatusOr<std::string> AsText(const Given& given) {
  std::string text = given.text;
  if (given.node != nullptr) {
    const auto* value = given.node->as_string();
    if (value == nullptr) return given.Wrong(absl::StrCat("must be a text, not ", KindOf(*given.node)));
    text = value->get();
  }
  if (text.empty()) return given.Wrong("must not be empty; leave the key out instead");
  if (text.find('\0') != std::string::npos) return given.Wrong("must not hold a NUL character");
  return text;
}

absl::StatusOr<bool> AsBool(const Given& given) {
  if (given.node != nullptr) {
    const auto* value = given.node->as_boolean();
    if (value == nullptr)
      return given.Wrong(absl::StrCat("must be true or false, not ", KindOf(*given.node)));
    return value->get();
  }
  if (given.text == "true") return true;
  if (given.text == "false") return false;
  return given.Wrong(absl::StrCat("must be true or false, not '", given.text, "'"));
}

absl::StatusOr<std::int64_t> AsNumber(const Given& given, std::int64_t low, std::int64_t high) {
  const std::string range = absl::StrCat("must be a whole number from ", low, " to ", high);
  std::int64_t number = 0;
  if (given.node != nullptr) {
    const auto* value = given.node->as_integer();
    if (value == nullptr) return given.Wrong(absl::StrCat(range, ", not ", KindOf(*given.node)));
    number = value->get();
  } else {
    const char* end = given.text.data() + given.text.size();
    const auto parsed = std::from_chars(given.text.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
      return given.Wrong(absl::StrCat(range, ", not '", given.text, "'"));
    }
  }
  if (number < low || number > high) return given.Wrong(absl::StrCat(range, ", not ", number));
  return number;
}

struct TimeSpan {
  std::string text;
  std::int64_t ms = 0;
};
const TimeSpan kRetentionMin{"1s", 1'000}, kRetentionMax{"3650d", 3650LL * 86'400'000};
const TimeSpan kNoTime{"0s", 0};
const TimeSpan kIntervalMin{"100ms", 100}, kIntervalMax{"7d", 7LL * 86'400'000};

/// "500ms", "30s", "20m", "2h", "7d", as milliseconds.
absl::StatusOr<std::int64_t> AsDuration(const Given& given, const TimeSpan& low, const TimeSpan& high) {
  const std::string range = absl::StrCat("must be a time from \"", low.text, "\" to \"", high.text,
                                         "\", as \"20m\" (ms, s, m, h, d)");
  const absl::StatusOr<std::string> text = AsText(given);
  if (!text.ok()) return given.Wrong(range);
  static const std::map<std::string, std::int64_t, std::less<>> kUnits = {
      {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  std::int64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  const auto unit = kUnits.find(std::string_view(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr)));
  if (parsed.ec != std::errc{} || unit == kUnits.end() || number < 0 || number > high.ms / unit->second ||
      number * unit->second < low.ms) {
    return given.Wrong(absl::StrCat(range, ", not '", *text, "'"));
  }
  return number * unit->second;
}

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

/// 1500000, "1500KB", "1MB", "1MiB".
absl::StatusOr<std::uint64_t> AsBytes(const Given& given, std::uint64_t low, std::uint64_t high) {
  const std::string range =
      absl::StrCat("must be a size from ", low / 1000, "KB to ", high / 1'000'000, "MB, as \"1MB\"");
  if (given.node != nullptr && given.node->is_integer()) {
    const std::int64_t number = given.node->as_integer()->get();
    if (number < static_cast<std::int64_t>(low) || number > static_cast<std::int64_t>(high)) {
      return given.Wrong(absl::StrCat(range, ", not ", number));
    }
    return static_cast<std::uint64_t>(number);
  }
  const absl::StatusOr<std::string> text = AsText(given);
  if (!text.ok()) return given.Wrong(range);
  std::uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  static const std::map<std::string, std::uint64_t, std::less<>> kUnits = {
      {"", 1}, {"B", 1}, {"KB", 1'000}, {"MB", 1'000'000}, {"KIB", 1 << 10}, {"MIB", 1 << 20}};
  const std::string name = absl::AsciiStrToUpper(std::string(parsed.ptr, end));
  const auto unit = kUnits.find(name);
  if (parsed.ec != std::errc{} || unit == kUnits.end() || number > high / unit->second ||
      number * unit->second < low) {
    return given.Wrong(absl::StrCat(range, ", not '", *text, "'"));
  }
  return number * unit->second;
}

absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given) {
  const toml::array* list = given.node->as_array();
  if (list == nullptr) {
    return given.Wrong(absl::StrCat("must be a list of texts, as [\"log_*\"], not ", KindOf(*given.node)));
  }
  std::vector<std::string> texts;
  for (const toml::node& entry : *list) {
    const auto* text = entry.as_string();
    if (text == nullptr || text->get().empty()) {
      return given.Wrong(
          absl::StrCat("must hold texts that are not empty; entry ", texts.size() + 1, " is not"));
    }
    texts.push_back(text->get());
  }
  return texts;
}

/// What may stand under one key, and what to do with it.
using Setter = std::function<absl::Status(const Given&)>;
struct Key {
  std::string name;
  Setter set;
};
using Keys = std::vector<Key>;

Setter SetText(std::string* target) {
  return [target](const Given& given) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    *target = *std::move(value);
    return absl::OkStatus();
  };
}

Setter SetDuration(std::int64_t* target_ms, const TimeSpan& low, const TimeSpan& high) {
  return [target_ms, &low, &high](const Given& given) {
    const auto value = AsDuration(given, low, high);
    if (!value.ok()) return value.status();
    *target_ms = *value;
    return absl::OkStatus();
  };
}

/// A path, seen from the configuration's folder.
Setter SetPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    *target = (folder / *value).lexically_normal().string();
    return absl::OkStatus();
  };
}

/// The same, where "" says that there is none.
Setter SetOptionalPath(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    const bool none =
        given.node != nullptr && given.node->is_string() && given.node->as_string()->get().empty();
    if (none) {
      target->clear();
      return absl::OkStatus();
    }
    return SetPath(target, folder)(given);
  };
}

/// Number of single-character edits between two words.
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replace, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// "; did you mean 'window'?", or the list when nothing is near.
std::string Suggest(std::string_view word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  std::size_t distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    const std::size_t d = Distance(word, candidate);
    if (d < distance) {
      distance = d;
      best = &candidate;
    }
  }
  if (best != nullptr) return absl::StrCat("; did you mean '", *best, "'?");
  return absl::StrCat("; there are: ", absl::StrJoin(known, ", "));
}

class Loader {
 public:
  Loader(std::string file, std::filesystem::path folder) : folder_(std::move(folder)) {
    config_.file = std::move(file);
  }

  absl::StatusOr<AgentConfig> Load(const toml::table& root) {
    const std::vector<std::string> tables = {"endpoint", "identity", "agent", "metrics", "log", "source"};
    for (const auto& [key, node] : root) {
      if (std::find(tables.begin(), tables.end(), key.str()) == tables.end()) {
        return absl::InvalidArgumentError(absl::StrCat(Line(key), ": '", std::string(key.str()),
                                                       "' is not a table of this file",
                                                       Suggest(key.str(), tables)));
      }
    }
    if (auto status = Section(root, "endpoint", EndpointKeys()); !status.ok()) return status;
    if (auto status = Section(root, "identity", IdentityKeys()); !status.ok()) return status;
    if (auto status = Section(root, "agent", AgentKeys()); !status.ok()) return status;
    if (auto status = Section(root, "log", LogKeys()); !status.ok()) return status;
    if (auto status = Section(root, "metrics", MetricsKeys()); !status.ok()) return status;
    if (config_.agent.state_dir == AgentSettings{}.state_dir) {
      config_.agent.state_dir = (folder_ / config_.agent.state_dir).lexically_normal().string();
    }
    if (auto status = CheckRequired(); !status.ok()) return status;
    if (auto status = Sources(root); !status.ok()) return status;
    return std::move(config_);
  }

 private:
  std::string At(const toml::node& node) const {
    return absl::StrCat(config_.file, ":", node.source().begin.line);
  }
  std::string Line(const toml::key& key) const {
    return absl::StrCat(config_.file, ":", key.source().begin.line);
  }

  Keys EndpointKeys() {
    EndpointConfig& endpoint = config_.endpoint;
    return {{"address",
             [&endpoint](const Given& given) {
               auto value = AsText(given);
               if (!value.ok()) return value.status();
               const std::size_t colon = value->rfind(':');
               int port = 0;
               const char* end = value->data() + value->size();
               if (colon == std::string::npos || colon == 0 ||
                   std::from_chars(value->data() + colon + 1, end, port).ptr != end || port < 1 ||
                   port > 65535) {
                 return given.Wrong(
                     absl::StrCat("must be host:port, as \"mirror.example.com:5443\", not '", *value, "'"));
               }
               endpoint.address = *std::move(value);
               return absl::OkStatus();
             }},
            {"ca", SetOptionalPath(&endpoint.ca, folder_)},
            {"certificate", SetOptionalPath(&endpoint.certificate, folder_)},
            {"key", SetOptionalPath(&endpoint.key, folder_)},
            {"plaintext", [this, &endpoint](const Given& given) {
               auto value = AsBool(given);
               if (!value.ok()) return value.status();
               endpoint.plaintext = *value;
               plaintext_at_ = given.where;
               return absl::OkStatus();
             }}};
  }

  Keys IdentityKeys() {
    IdentityConfig& identity = config_.identity;
    return {{"issuer", SetText(&identity.issuer)},
            {"key", SetPath(&identity.key, folder_)},
            {"key_id", SetText(&identity.key_id)},
            {"application_id", SetText(&identity.application_id)},
            {"application_certificate", SetPath(&identity.application_certificate, folder_)},
            {"context_claim", SetText(&identity.context_claim)}};
  }

  Keys AgentKeys() {
    AgentSettings& agent = config_.agent;
    return {{"state_dir", SetPath(&agent.state_dir, folder_)},
            {"batch_bytes",
             [&agent](const Given& given) {
               auto value = AsBytes(given, kBatchBytesMin, kBatchBytesMax);
               if (!value.ok()) return value.status();
               agent.batch_bytes = *value;
               return absl::OkStatus();
             }},
            {"window",
             [&agent](const Given& given) {
               auto value = AsNumber(given, 1, kWindowMax);
               if (!value.ok()) return value.status();
               agent.window = static_cast<std::uint32_t>(*value);
               return absl::OkStatus();
             }},
            {"hash_key", SetPath(&agent.hash_key, folder_)},
            {"receipts", [&agent](const Given& given) {
               auto value = AsBool(given);
               if (!value.ok()) return value.status();
               agent.receipts = *value;
               return absl::OkStatus();
             }}};
  }

  Keys LogKeys() {
    return {{"format", [this](const Given& given) {
               auto value = AsText(given);
               if (!value.ok()) return value.status();
               if (*value != "text" && *value != "json") {
                 return given.Wrong(absl::StrCat("must be \"text\" or \"json\", not '", *value, "'",
                                                 Suggest(*value, {"text", "json"})));
               }
               config_.log_format = *std::move(value);
               return absl::OkStatus();
             }}};
  }
  Keys MetricsKeys() {
    MetricsConfig& metrics = config_.metrics;
    const auto flag = [](bool* target) {
      return [target](const Given& given) {
        const auto value = AsBool(given);
        if (!value.ok()) return value.status();
        *target = *value;
        return absl::OkStatus();
      };
    };
    return {{"enabled", flag(&metrics.enabled)},
            {"address", SetText(&metrics.address)},
            {"port",
             [&metrics](const Given& given) {
               const auto value = AsNumber(given, 0, 65'535);
               if (!value.ok()) return value.status();
               metrics.port = static_cast<std::uint16_t>(*value);
               return absl::OkStatus();
             }},
            {"allow_remote", flag(&metrics.allow_remote)}};
  }

  Keys SourceKeys(SourceConfig* source) {
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
            {"kind",
             [source](const Given& given) {
               return SetOneOf(given, {"sqlite", "csv", "xlsx"}, &source->kind);
             }},
            {"path", SetPath(&source->path, folder_)},
            {"folder", SetPath(&source->path, folder_)},
            {"table", [this, source](const Given& given) { return SetTables(given, source); }},
            {"settle", SetDuration(&source->settle_ms, kNoTime, kIntervalMax)},
            {"rejects", SetPath(&source->rejects, folder_)},
            {"strategy",
             [source](const Given& given) {
               return SetOneOf(given,
                               {"cdc", "synthetic", "watermark", "watermark_cdc", "window", "populate"},
                               &source->strategy);
             }},
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
            {"include", [source](const Given& given) { return SetPatterns(given, &source->include); }},
            {"skip", [source](const Given& given) { return SetPatterns(given, &source->skip); }}};
  }

  Keys TableKeys(TableConfig* table) {
    const auto text = [](std::string* target) {
      return [target](const Given& given) {
        auto value = AsText(given);
        if (!value.ok()) return value.status();
        *target = *std::move(value);
        return absl::OkStatus();
      };
    };
    const auto flag = [](bool* target) {
      return [target](const Given& given) {
        const auto value = AsBool(given);
        if (!value.ok()) return value.status();
        *target = *value;
        return absl::OkStatus();
      };
    };
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
        {"name", text(&table->name)},
        {"strategy",
         [table](const Given& given) {
           return SetOneOf(given, {"cdc", "synthetic", "watermark", "watermark_cdc", "window"},
                           &table->strategy);
         }},
        {"push",
         [table](const Given& given) {
           return SetOneOf(given, {"direct", "staged"}, &table->push);
         }},
        {"deletes",
         [table](const Given& given) {
           return SetOneOf(given, {"apply", "ignore", "mark"}, &table->deletes);
         }},
        {"preserve_target", flag(&table->preserve_target)},
        {"column_hashes", flag(&table->column_hashes)},
        {"watermark", text(&table->watermark)},
        {"deletes_from", [this, table](const Given& given) { return SetFeed(given, &table->deletes_from); }},
        {"precision", [table](const Given& given) { return SetPrecision(given, &table->precision); }},
        {"window", SetDuration(&table->window_ms, kIntervalMin, kRetentionMax)},
        {"time",
         [table](const Given& given) {
           return SetOneOf(given, {"iso", "unix", "unix_ms"}, &table->time);
         }},
        {"file", text(&table->file)},
        {"key", [table](const Given& given) { return SetPatterns(given, &table->key); }},
        {"types", [table](const Given& given) { return SetTypes(given, &table->types); }},
        {"separator", character(&table->separator)},
        {"sheet", text(&table->sheet)},
        {"quote", character(&table->quote)},
        {"as", text(&table->steps.as)},
        {"columns", [table](const Given& given) { return SetPatterns(given, &table->steps.columns); }},
        {"rename", [table](const Given& given) { return SetRename(given, &table->steps.rename); }},
        {"where", text(&table->steps.where)},
        {"hash", [table](const Given& given) { return SetPatterns(given, &table->steps.hash); }},
        {"mask", [table](const Given& given) { return SetMask(given, &table->steps.mask); }},
        {"encoding", [table](const Given& given) {
           return SetOneOf(given, {"utf-8", "latin-1", "windows-1252"}, &table->encoding);
         }}};
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
    const auto patterns = [](std::vector<std::string>* list) {
      return [list](const Given& one) { return SetPatterns(one, list); };
    };
    absl::Status set = SetAll(*table, "source.table.deletes_from",
                              {{"table", SetText(&feed.table)},
                               {"file", SetText(&feed.file)},
                               {"key", patterns(&feed.key)},
                               {"watermark", SetText(&feed.watermark)}});
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
    if (!steps.hash.empty() && config_.agent.hash_key.empty()) {
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
      if (absl::Status status = SetAll(*entry.as_table(), "source.table", TableKeys(&table)); !status.ok())
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
    return SetOneOf(given, {"day", "hour", "minute", "second"}, target);
  }

  /// What goes together in a [[source.table]].
  absl::Status CheckSourceTable(const toml::table& entry, const SourceConfig& source,
                                const TableConfig& table) const {
    const auto wrong = [&](const char* key, const std::string& what) {
      return absl::InvalidArgumentError(
          absl::StrCat(At(*entry.get(key)), ": [source.table] '", key, "' ", what));
    };
    for (const char* key : {"file", "types"}) {
      if (source.kind == "sqlite" && entry.contains(key))
        return wrong(key, "is for kind = \"csv\" or \"xlsx\" only");
    }
    const bool logged = StrategyOf(source, table) == "cdc" || StrategyOf(source, table) == "populate";
    if (logged && entry.contains("key")) {
      return wrong("key",
                   "is for files, views and tables without a key of their own, which need strategy = "
                   "\"synthetic\" or one of the others that need no change log");
    }
    for (const char* key : {"separator", "quote", "encoding"}) {
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
    const std::array<std::pair<const char*, bool>, 6> keys = {{{"watermark", by_column},
                                                               {"deletes_from", strategy == "watermark"},
                                                               {"precision", strategy == "watermark_cdc"},
                                                               {"window", strategy == "window"},
                                                               {"time", strategy == "window"},
                                                               {"column_hashes", strategy == "synthetic"}}};
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
      absl::Status set = SetOneOf(one, {"integer", "real", "text"}, &(*target)[std::string(name.str())]);
      if (!set.ok()) return set;
    }
    return absl::OkStatus();
  }

  static absl::Status SetOneOf(const Given& given, const std::vector<std::string>& known,
                               std::string* target) {
    auto value = AsText(given);
    if (!value.ok()) return value.status();
    if (std::find(known.begin(), known.end(), *value) == known.end()) {
      std::vector<std::string> quoted;
      for (const std::string& one : known) quoted.push_back(absl::StrCat("\"", one, "\""));
      return given.Wrong(absl::StrCat("must be one of ", absl::StrJoin(quoted, ", "), ", not '", *value, "'",
                                      Suggest(*value, known)));
    }
    *target = *std::move(value);
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
    for (const char* key : {"path", "include", "skip", "blocked", "retention", "max_log"}) {
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
          absl::StrCat(config_.file, ":", source->line, ": [[source]] without '", key, "', which it needs"));
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
      return absl::InvalidArgumentError(absl::StrCat(config_.file, ":", source->line,
                                                     ": [[source]] without a [[source.table]]: each table of "
                                                     "a folder needs one, with 'name' and 'key'"));
    }
    return absl::OkStatus();
  }

  static absl::Status SetPatterns(const Given& given, std::vector<std::string>* target) {
    auto value = AsTexts(given);
    if (!value.ok()) return value.status();
    *target = *std::move(value);
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

  absl::Status SetAll(const toml::table& table, const std::string& name, const Keys& keys) {
    std::vector<std::string> known;
    for (const Key& key : keys) known.push_back(key.name);
    for (const auto& [key, node] : table) {
      const auto found = std::find(known.begin(), known.end(), key.str());
      const std::string where = absl::StrCat(Line(key), ": [", name, "] '", std::string(key.str()), "'");
      if (found == known.end()) {
        return absl::InvalidArgumentError(absl::StrCat(where, " is not a key", Suggest(key.str(), known)));
      }
      const Given given{where, &node, ""};
      const auto index = static_cast<std::size_t>(found - known.begin());
      if (absl::Status status = keys[index].set(given); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  /// One of the tables that stand once, then what the environment says.
  absl::Status Section(const toml::table& root, const std::string& name, const Keys& keys) {
    if (const toml::node* node = root.get(name)) {
      const toml::table* table = node->as_table();
      if (table == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(At(*node), ": '", name, "' must be a table, written as [", name, "]"));
      }
      if (absl::Status status = SetAll(*table, name, keys); !status.ok()) return status;
    }
    for (const Key& key : keys) {
      const std::string variable = Variable(name, key.name);
      const char* text = std::getenv(variable.c_str());
      if (text == nullptr || *text == '\0') continue;
      if (absl::Status status = key.set(Given{variable, nullptr, text}); !status.ok()) return status;
    }
    return CheckVariables(name, keys);
  }

  /// A variable of a section that is no key of it says nothing, so it is one that was meant otherwise.
  static absl::Status CheckVariables(const std::string& section, const Keys& keys) {
    std::vector<std::string> known;
    for (const Key& key : keys) known.push_back(Variable(section, key.name));
    // The server's, which may have the same environment.
    if (section == "log") known.push_back(Variable(section, "level"));
    const std::string prefix = Variable(section, "");
    for (char** entry = environ; *entry != nullptr; ++entry) {
      const std::string_view text = *entry;
      const std::string_view name = text.substr(0, text.find('='));
      if (!name.starts_with(prefix) || text.size() <= name.size() + 1) continue;
      if (std::find(known.begin(), known.end(), name) != known.end()) continue;
      return absl::InvalidArgumentError(absl::StrCat(std::string(name), " is not a variable of [", section,
                                                     "] here", Suggest(name, known)));
    }
    return absl::OkStatus();
  }

  static std::string Variable(const std::string& section, const std::string& key) {
    return absl::AsciiStrToUpper(absl::StrCat("MIRROR_", section, "_", key));
  }

  absl::Status CheckRequired() const {
    const std::array<std::array<std::string, 3>, 6> required = {{
        {"endpoint", "address", config_.endpoint.address},
        {"identity", "issuer", config_.identity.issuer},
        {"identity", "key", config_.identity.key},
        {"identity", "key_id", config_.identity.key_id},
        {"identity", "application_id", config_.identity.application_id},
        {"identity", "application_certificate", config_.identity.application_certificate},
    }};
    for (const auto& [table, key, value] : required) {
      if (!value.empty()) continue;
      return absl::InvalidArgumentError(absl::StrCat(config_.file, ": [", table, "] '", key,
                                                     "' is missing (it may also come from ",
                                                     Variable(table, key), ")"));
    }
    if (config_.endpoint.certificate.empty() != config_.endpoint.key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(config_.file, ": [endpoint] 'certificate' and 'key' go together: give both, or none"));
    }
    const MetricsConfig& metrics = config_.metrics;
    if (metrics.enabled && !metrics.allow_remote && metrics.address != "::1" &&
        !IsLoopback(metrics.address + ":0")) {
      return absl::InvalidArgumentError(absl::StrCat(
          config_.file, ": [metrics] 'address' is not a loopback address, but '", metrics.address,
          "': the metrics have neither TLS nor a password. Set 'allow_remote' when only those that may see ",
          "them can get there"));
    }
    if (config_.endpoint.plaintext && !IsLoopback(config_.endpoint.address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          plaintext_at_, " is for a loopback address only (127.0.0.1, [::1], localhost), not for '",
          config_.endpoint.address, "': tokens and rows would be readable on the way"));
    }
    return absl::OkStatus();
  }

  static bool IsLoopback(const std::string& address) {
    const std::string host = address.substr(0, address.rfind(':'));
    if (host == "localhost" || host == "[::1]") return true;
    // A name such as 127.example.com is no address.
    return absl::StartsWith(host, "127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  }

  static bool SameFile(const std::string& a, const std::string& b) {
    std::error_code error;
    return a == b || std::filesystem::equivalent(a, b, error);
  }

  absl::Status Sources(const toml::table& root) {
    const toml::node* node = root.get("source");
    if (node == nullptr) return absl::OkStatus();
    const toml::array* list = node->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      return absl::InvalidArgumentError(
          absl::StrCat(At(*node), ": 'source' must be written as [[source]], with two brackets"));
    }
    for (const toml::node& entry : *list) {
      SourceConfig source;
      source.line = static_cast<int>(entry.source().begin.line);
      const toml::table& table = *entry.as_table();
      if (absl::Status status = SetAll(table, "source", SourceKeys(&source)); !status.ok()) return status;
      if (absl::Status status = CheckKind(table, &source); !status.ok()) return status;
      source.hash_key = config_.agent.hash_key;
      for (const SourceConfig& other : config_.sources) {
        if (!SameName(other.context_id, source.context_id)) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(At(*table.get("context_id")), ": [source] 'context_id' '", source.context_id,
                         "' is that of the [[source]] in line ", other.line, " ('", other.context_id,
                         "'): two sources never share a tenant"));
      }
      for (const SourceConfig& other : config_.sources) {
        if (source.strategy != "cdc" || other.strategy != "cdc" || !SameFile(source.path, other.path))
          continue;
        return absl::InvalidArgumentError(absl::StrCat(
            At(*table.get("path")), ": [source] 'path' is that of the [[source]] in line ", other.line,
            ": two with strategy \"cdc\" would use one change log. Give one of them strategy = "
            "\"populate\""));
      }
      config_.sources.push_back(std::move(source));
    }
    return absl::OkStatus();
  }

  std::filesystem::path folder_;
  AgentConfig config_;
  std::string plaintext_at_;
};

}  // namespace

const std::string& StrategyOf(const SourceConfig& source, const TableConfig& table) {
  return table.strategy.empty() ? source.strategy : table.strategy;
}

absl::StatusOr<AgentConfig> LoadAgentConfig(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat("'", path, "' is not there: give the agent's configuration with ",
                                            "--config ('mirrorctl init' writes one)"));
  }
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!std::filesystem::is_regular_file(path, error) || !file.good()) {
    return absl::PermissionDeniedError(
        absl::StrCat("'", path, "' cannot be read: check that it is a file and its permissions"));
  }
  const std::filesystem::path folder = std::filesystem::absolute(path, error).parent_path();
  try {
    const toml::table root = toml::parse(text.str(), path);
    return Loader(path, folder).Load(root);
  } catch (const toml::parse_error& wrong) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", wrong.source().begin.line, ": not TOML: ", std::string(wrong.description())));
  }
}

}  // namespace mirror

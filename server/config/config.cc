#include "server/config/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <toml++/toml.h>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "server/config/hook_check.h"

namespace mirror {
namespace {

constexpr std::uintmax_t kFileBytesMax = 1 << 20;
constexpr std::uint64_t kMega = 1ULL << 20;
constexpr std::uint64_t kGiga = 1ULL << 30;

/// A value as it came from the file or from the environment.
struct Given {
  std::string where;                 ///< "mirror-server.toml:12: [listen] 'port'", or "MIRROR_LISTEN_PORT".
  const toml::node* node = nullptr;  ///< Null: `text` came from the environment.
  std::string text;

  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(where, " ", what));
  }
};

using Setter = std::function<absl::Status(const Given&)>;
struct Key {
  std::string name;
  Setter set;
};
using Keys = std::vector<Key>;

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

/// "; did you mean 'port'?", or the list when nothing is near.
std::string Suggest(std::string_view word, const std::vector<std::string>& known) {
  constexpr std::size_t kWordMax = 100;
  const std::string* best = nullptr;
  std::size_t distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : known) {
    if (word.size() > kWordMax) break;
    const std::size_t found = Distance(word, candidate);
    if (found >= distance) continue;
    distance = found;
    best = &candidate;
  }
  for (const std::string& candidate : known) {
    const bool begins = word.size() >= 3 && (word.starts_with(candidate) || candidate.starts_with(word));
    if (best == nullptr && begins) best = &candidate;
  }
  if (best != nullptr) return absl::StrCat("; did you mean '", *best, "'?");
  return absl::StrCat("; there are ", absl::StrJoin(known, ", "));
}

// --- Values of one kind -------------------------------------------------------

absl::StatusOr<std::string> AsText(const Given& given) {
  std::string text = given.text;
  if (given.node != nullptr) {
    const auto* value = given.node->as_string();
    if (value == nullptr) return given.Wrong(absl::StrCat("must be a text, not ", KindOf(*given.node)));
    text = value->get();
  }
  if (text.find('\0') != std::string::npos) return given.Wrong("must not hold a NUL character");
  return text;
}

/// The number that `text` begins with, and the unit behind it.
struct Measure {
  std::uint64_t number = 0;
  std::string unit;
};
std::optional<Measure> ParseMeasure(const std::string& text) {
  Measure measure;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, measure.number);
  if (parsed.ec != std::errc{}) return std::nullopt;
  measure.unit.assign(parsed.ptr, end);
  return measure;
}

Setter Text(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (text->empty()) return given.Wrong("must not be empty");
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

/// A path, seen from the configuration's folder; empty: none.
Setter Path(std::string* target, const std::filesystem::path& folder) {
  return [target, folder](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    *target = text->empty() ? "" : (folder / *text).lexically_normal().string();
    return absl::OkStatus();
  };
}

Setter Flag(bool* target) {
  return [target](const Given& given) {
    if (given.node != nullptr) {
      const auto* value = given.node->as_boolean();
      if (value == nullptr) {
        return given.Wrong(absl::StrCat("must be true or false, not ", KindOf(*given.node)));
      }
      *target = value->get();
      return absl::OkStatus();
    }
    if (given.text != "true" && given.text != "false") {
      return given.Wrong(absl::StrCat("must be true or false, not '", given.text, "'"));
    }
    *target = given.text == "true";
    return absl::OkStatus();
  };
}

template <typename T>
Setter Number(T* target, std::int64_t low, std::int64_t high) {
  return [target, low, high](const Given& given) {
    const std::string range = absl::StrCat("must be a whole number from ", low, " to ", high);
    std::int64_t number = 0;
    if (given.node != nullptr) {
      const auto* value = given.node->as_integer();
      if (value == nullptr) return given.Wrong(absl::StrCat(range, ", not ", KindOf(*given.node)));
      number = value->get();
    } else {
      const char* const end = given.text.data() + given.text.size();
      const auto parsed = std::from_chars(given.text.data(), end, number);
      if (parsed.ec != std::errc{} || parsed.ptr != end) {
        return given.Wrong(absl::StrCat(range, ", not '", given.text, "'"));
      }
    }
    if (number < low || number > high) return given.Wrong(absl::StrCat(range, ", not ", number));
    *target = static_cast<T>(number);
    return absl::OkStatus();
  };
}

std::string SizeText(std::uint64_t bytes) {
  if (bytes >= kGiga && bytes % kGiga == 0) return absl::StrCat(bytes / kGiga, "GiB");
  if (bytes >= kMega && bytes % kMega == 0) return absl::StrCat(bytes / kMega, "MiB");
  if (bytes >= 1024 && bytes % 1024 == 0) return absl::StrCat(bytes / 1024, "KiB");
  if (bytes >= 1'000'000'000 && bytes % 1'000'000'000 == 0) return absl::StrCat(bytes / 1'000'000'000, "GB");
  return absl::StrCat(bytes, " bytes");
}

/// "16MiB", "1GB", 1048576.
Setter Size(std::uint64_t* target, std::uint64_t low, std::uint64_t high) {
  return [target, low, high](const Given& given) {
    static const std::map<std::string, std::uint64_t, std::less<>> kUnits = {
        {"", 1},           {"B", 1},         {"KB", 1'000},   {"MB", 1'000'000}, {"GB", 1'000'000'000},
        {"KiB", 1U << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    const std::string range = absl::StrCat("must be a size from ", SizeText(low), " to ", SizeText(high),
                                           ", written as \"16MiB\" or \"1GB\"");
    std::string text = given.text;
    if (given.node != nullptr) {
      if (const auto* whole = given.node->as_integer()) {
        text = absl::StrCat(whole->get());
      } else if (const auto* value = given.node->as_string()) {
        text = value->get();
      } else {
        return given.Wrong(absl::StrCat(range, ", not ", KindOf(*given.node)));
      }
    }
    const std::optional<Measure> measure = ParseMeasure(text);
    const auto unit = measure ? kUnits.find(measure->unit) : kUnits.end();
    if (unit == kUnits.end() || measure->number > high / unit->second ||
        measure->number * unit->second < low) {
      return given.Wrong(absl::StrCat(range, ", not '", text, "'"));
    }
    *target = measure->number * unit->second;
    return absl::OkStatus();
  };
}

std::string SpanText(std::int64_t seconds) {
  if (seconds != 0 && seconds % 86'400 == 0) return absl::StrCat(seconds / 86'400, "d");
  if (seconds != 0 && seconds % 3'600 == 0) return absl::StrCat(seconds / 3'600, "h");
  if (seconds != 0 && seconds % 60 == 0) return absl::StrCat(seconds / 60, "m");
  return absl::StrCat(seconds, "s");
}

/// "30s", "10m", "12h", "7d".
Setter Span(std::chrono::seconds* target, std::chrono::seconds low, std::chrono::seconds high) {
  return [target, low, high](const Given& given) {
    static const std::map<std::string, std::int64_t, std::less<>> kUnits = {
        {"s", 1}, {"m", 60}, {"h", 3'600}, {"d", 86'400}};
    const std::string range = absl::StrCat("must be a time from ", SpanText(low.count()), " to ",
                                           SpanText(high.count()), ", a number with s, m, h or d");
    std::string text = given.text;
    if (given.node != nullptr) {
      const auto* value = given.node->as_string();
      if (value == nullptr) return given.Wrong(absl::StrCat(range, ", not ", KindOf(*given.node)));
      text = value->get();
    }
    const std::optional<Measure> measure = ParseMeasure(text);
    const auto unit = measure ? kUnits.find(measure->unit) : kUnits.end();
    if (unit == kUnits.end() || measure->number > static_cast<std::uint64_t>(high.count() / unit->second)) {
      return given.Wrong(absl::StrCat(range, ", not '", text, "'"));
    }
    const std::chrono::seconds span(static_cast<std::int64_t>(measure->number) * unit->second);
    if (span < low) return given.Wrong(absl::StrCat(range, ", not '", text, "'"));
    *target = span;
    return absl::OkStatus();
  };
}

/// A list of texts; in the environment they are separated by commas.
absl::StatusOr<std::vector<std::string>> AsTexts(const Given& given) {
  std::vector<std::string> texts;
  if (given.node == nullptr) {
    for (const auto& text : absl::StrSplit(given.text, ',')) {
      texts.emplace_back(absl::StripAsciiWhitespace(text));
    }
  } else {
    const toml::array* const list = given.node->as_array();
    if (list == nullptr) {
      return given.Wrong(absl::StrCat("must be a list of texts, not ", KindOf(*given.node)));
    }
    for (const toml::node& entry : *list) {
      const auto* const text = entry.as_string();
      if (text == nullptr) {
        return given.Wrong(
            absl::StrCat("must be a list of texts; entry ", texts.size() + 1, " is ", KindOf(entry)));
      }
      texts.push_back(text->get());
    }
  }
  if (texts.empty()) return given.Wrong("must name at least one");
  return texts;
}

Setter Texts(std::vector<std::string>* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::vector<std::string>> texts = AsTexts(given);
    if (texts.ok()) *target = *std::move(texts);
    return texts.status();
  };
}

/// Each of the texts is one of `known`.
absl::Status CheckChoice(const Given& given, const std::string& text, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), text) != known.end()) return absl::OkStatus();
  return given.Wrong(absl::StrCat("cannot be '", text, "'", Suggest(text, known)));
}

Setter Choices(std::vector<std::string>* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    absl::StatusOr<std::vector<std::string>> texts = AsTexts(given);
    if (!texts.ok()) return texts.status();
    for (const std::string& text : *texts) {
      if (absl::Status status = CheckChoice(given, text, known); !status.ok()) return status;
    }
    *target = *std::move(texts);
    return absl::OkStatus();
  };
}

Setter Choice(std::string* target, const std::vector<std::string>& known) {
  return [target, known](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (absl::Status status = CheckChoice(given, *text, known); !status.ok()) return status;
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

bool IsPattern(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '*';
  });
}

Setter Milliseconds(std::int64_t* target, std::chrono::seconds high) {
  return [target, high](const Given& given) {
    std::chrono::seconds span{0};
    absl::Status status = Span(&span, std::chrono::seconds(0), high)(given);
    if (status.ok()) *target = std::chrono::milliseconds(span).count();
    return status;
  };
}

/// What need not be said: it is then as what is more general says.
Setter OrAbsent(std::optional<bool>* target) {
  return [target](const Given& given) {
    bool value = false;
    absl::Status status = Flag(&value)(given);
    if (status.ok()) *target = value;
    return status;
  };
}
Setter OrAbsent(std::optional<std::int64_t>* target, std::int64_t low, std::int64_t high) {
  return [target, low, high](const Given& given) {
    std::int64_t value = 0;
    absl::Status status = Number(&value, low, high)(given);
    if (status.ok()) *target = value;
    return status;
  };
}

/// Milliseconds.
Setter SpanOrAbsent(std::optional<std::int64_t>* target) {
  return [target](const Given& given) {
    std::int64_t value = 0;
    absl::Status status = Milliseconds(&value, std::chrono::hours(24 * 30))(given);
    if (status.ok()) *target = value;
    return status;
  };
}

Setter Pattern(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (!IsPattern(*text)) {
      return given.Wrong(
          absl::StrCat("cannot be '", *text, "': a pattern is 1 to 64 letters, digits, '_', '-' and '*'"));
    }
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

/// Anything but the members that every token has already.
Setter ClaimName(std::string* target) {
  return [target](const Given& given) {
    const absl::Status status = Text(target)(given);
    if (!status.ok()) return status;
    for (const char* const taken : {"iss", "aud", "nonce", "nbf", "exp", "iat"}) {
      if (*target == taken) {
        return given.Wrong(absl::StrCat("cannot be '", taken, "', which means something else in a token"));
      }
    }
    return absl::OkStatus();
  };
}

Setter Patterns(std::vector<std::string>* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::vector<std::string>> texts = AsTexts(given);
    if (!texts.ok()) return texts.status();
    for (const std::string& text : *texts) {
      if (IsPattern(text)) continue;
      return given.Wrong(
          absl::StrCat("cannot hold '", text, "': a pattern is 1 to 64 letters, digits, '_', '-' and '*'"));
    }
    *target = *std::move(texts);
    return absl::OkStatus();
  };
}

bool IsAddress(const std::string& text) {
  in6_addr ignored{};
  return text == "localhost" || inet_pton(AF_INET, text.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

bool IsLoopback(const std::string& address) {
  return address == "localhost" || address == "::1" || absl::StartsWith(address, "127.");
}

Setter Address(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (!IsAddress(*text)) {
      return given.Wrong(
          absl::StrCat("must be an IP address of this machine, as \"127.0.0.1\", or \"0.0.0.0\" ",
                       "or \"::\" for all of them; not '", *text, "'"));
    }
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

/// How long something is waited for, at least a second.
Setter Wait(std::chrono::milliseconds* target, std::chrono::seconds high) {
  return [target, high](const Given& given) {
    std::chrono::seconds span{0};
    absl::Status status = Span(&span, std::chrono::seconds(1), high)(given);
    if (status.ok()) *target = span;
    return status;
  };
}

Setter HookCommand(std::vector<std::string>* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::vector<std::string>> words = AsTexts(given);
    if (!words.ok()) return words.status();
    if (!absl::StartsWith(words->front(), "/")) {
      return given.Wrong("must begin with the program's whole path: there is no shell that looks for it");
    }
    *target = *std::move(words);
    return absl::OkStatus();
  };
}

Setter HookSql(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    if (absl::Status status = CheckHookSql(*text); !status.ok())
      return given.Wrong(std::string(status.message()));
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

Setter HookAddress(std::string* target) {
  return [target](const Given& given) {
    absl::StatusOr<std::string> text = AsText(given);
    if (!text.ok()) return text.status();
    // It may hold a secret: it is not shown.
    if (absl::Status status = ParseHookUrl(*text).status(); !status.ok()) {
      return given.Wrong(std::string(status.message()));
    }
    *target = *std::move(text);
    return absl::OkStatus();
  };
}

/// Each has threads of its own.
constexpr std::size_t kHooksMax = 16;
constexpr std::int64_t kRowsMinMax = 1'000'000'000'000, kTablesMinMax = 100'000;

// --- The file -----------------------------------------------------------------

class Loader {
 public:
  Loader(std::string file, std::filesystem::path folder) : folder_(std::move(folder)) {
    config_.file = std::move(file);
    config_.data.dir = (folder_ / config_.data.dir).lexically_normal().string();
  }

  absl::StatusOr<ServerConfig> Load(const toml::table& root) {
    const std::vector<std::pair<std::string, Keys>> sections = {
        {"listen", ListenKeys()},   {"admin", AdminKeys()},     {"application", ApplicationKeys()},
        {"data", DataKeys()},       {"tokens", TokensKeys()},   {"limits", LimitsKeys()},
        {"breaker", BreakerKeys()}, {"metrics", MetricsKeys()}, {"hooks", HooksKeys()},
        {"log", LogKeys()}};
    std::vector<std::string> names = {"issuer", "tenant", "hook"};
    for (const auto& [name, keys] : sections) names.push_back(name);
    for (const auto& [key, node] : root) {
      if (std::find(names.begin(), names.end(), key.str()) != names.end()) continue;
      return absl::InvalidArgumentError(absl::StrCat(Line(key.source()), "'", std::string(key.str()),
                                                     "' is not a table of this file",
                                                     Suggest(key.str(), names)));
    }
    for (const auto& [name, keys] : sections) {
      if (absl::Status status = Section(root, name, keys); !status.ok()) return status;
    }
    if (absl::Status status = Issuers(root); !status.ok()) return status;
    if (absl::Status status = TenantRules(root); !status.ok()) return status;
    if (absl::Status status = Hooks(root); !status.ok()) return status;
    if (absl::Status status = CheckPresent(); !status.ok()) return status;
    if (absl::Status status = CheckTogether(); !status.ok()) return status;
    return std::move(config_);
  }

 private:
  std::string Line(const toml::source_region& region) const {
    return absl::StrCat(config_.file, ":", region.begin.line, ": ");
  }

  Keys ListenKeys() {
    ListenConfig& listen = config_.listen;
    return {{"address", Address(&listen.address)},
            {"port", Number(&listen.port, 0, 65'535)},
            {"certificate", Path(&listen.certificate, folder_)},
            {"key", Path(&listen.key, folder_)},
            {"client_ca", Path(&listen.client_ca, folder_)},
            {"plaintext", Flag(&listen.plaintext)},
            {"reflection", Flag(&listen.reflection)},
            {"connections_max", Number(&listen.connections_max, 1, 100'000)},
            {"connections_per_address_max", Number(&listen.connections_per_address_max, 1, 100'000)}};
  }
  Keys AdminKeys() {
    AdminConfig& admin = config_.admin;
    return {{"address", Address(&admin.address)},
            {"port", Number(&admin.port, 0, 65'535)},
            {"certificate", Path(&admin.certificate, folder_)},
            {"key", Path(&admin.key, folder_)},
            {"client_ca", Path(&admin.client_ca, folder_)}};
  }
  Keys ApplicationKeys() {
    ApplicationConfig& application = config_.application;
    return {{"id", Text(&application.id)},
            {"key", Path(&application.key, folder_)},
            {"key_id", Text(&application.key_id)}};
  }
  Keys DataKeys() {
    DataConfig& data = config_.data;
    return {{"dir", Path(&data.dir, folder_)},
            {"automatic_provisioning", Flag(&data.automatic_provisioning)},
            {"drop_grace", Span(&data.drop_grace, std::chrono::seconds(0), std::chrono::hours(24 * 365))},
            {"wal_max", Size(&data.wal_bytes_max, kMega, 1024 * kGiga)},
            {"open_tenants_max", Number(&data.open_tenants_max, 0, 100'000)},
            {"receipts", Flag(&config_.receipts.on)},
            {"hash_key", Path(&config_.columns.hash_key, folder_)}};
  }
  Keys TokensKeys() {
    TokensConfig& tokens = config_.tokens;
    return {{"algorithms", Choices(&tokens.algorithms, {"ES256", "RS256"})},
            {"context_claim", ClaimName(&tokens.context_claim)},
            {"lifetime_max", Span(&tokens.lifetime_max, std::chrono::seconds(10), std::chrono::minutes(30))},
            {"leeway", Span(&tokens.leeway, std::chrono::seconds(0), std::chrono::minutes(5))}};
  }
  Keys LimitsKeys() {
    LimitsConfig& limits = config_.limits;
    return {{"message_bytes_max", Size(&limits.message_bytes_max, 64 * 1024, 256 * kMega)},
            {"columns_max", Number(&limits.columns_max, 1, 2'000)},
            {"tables_max", Number(&limits.tables_max, 1, 100'000)},
            {"batch_rows_max", Number(&limits.batch_rows_max, 1, 1'000'000)},
            {"batch_cells_max", Number(&limits.batch_cells_max, 1, 1'000'000'000)},
            {"bytes_in_flight_tenant_max", Size(&limits.bytes_in_flight_tenant_max, kMega, 64 * kGiga)},
            {"bytes_in_flight_max", Size(&limits.bytes_in_flight_max, kMega, 64 * kGiga)},
            {"streams_per_tenant_max", Number(&limits.streams_per_tenant_max, 1, 1'000)},
            {"calls_max", Number(&limits.calls_max, 1, 4'096)},
            {"nonces_max", Number(&limits.nonces_max, 1, 1'000'000)},
            {"value_bytes_max", Size(&limits.value_bytes_max, 1'000, 1'000'000'000)},
            {"cycle_idle", Span(&limits.cycle_idle, std::chrono::seconds(1), std::chrono::hours(24))}};
  }
  Keys BreakerKeys() {
    BreakerLimits& limits = config_.breaker.limits;
    return {{"enabled", Flag(&limits.on)},
            {"rows_percent", Number(&limits.rows_percent, 0, 100)},
            {"rows_min", Number(&limits.rows_min, 0, kRowsMinMax)},
            {"tables_percent", Number(&limits.tables_percent, 0, 100)},
            {"tables_min", Number(&limits.tables_min, 1, kTablesMinMax)},
            {"window", Milliseconds(&limits.window_ms, std::chrono::hours(24 * 30))},
            {"miss_window", Milliseconds(&config_.miss_window_ms, std::chrono::hours(24 * 30))}};
  }
  Keys HooksKeys() {
    return {{"authenticated_timeout", Wait(&config_.hooks.authenticated_timeout, std::chrono::seconds(10))}};
  }
  Keys MetricsKeys() {
    MetricsConfig& metrics = config_.metrics;
    return {{"enabled", Flag(&metrics.enabled)},
            {"address", Address(&metrics.address)},
            {"port", Number(&metrics.port, 0, 65'535)},
            {"allow_remote", Flag(&metrics.allow_remote)}};
  }
  Keys LogKeys() {
    return {{"level", Choice(&config_.log_level, {"trace", "debug", "info", "warn", "error"})},
            {"format", Choice(&config_.log_format, {"text", "json"})}};
  }

  /// What a table of the file says; `prefix` is how it is written, "[listen]".
  absl::Status SetAll(const toml::table& table, const std::string& prefix, const Keys& keys) {
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string where = absl::StrCat(Line(key.source()), prefix, " '", name, "'");
      const auto found =
          std::find_if(keys.begin(), keys.end(), [&name](const Key& known) { return known.name == name; });
      if (found == keys.end()) {
        std::vector<std::string> known;
        for (const Key& candidate : keys) known.push_back(candidate.name);
        return absl::InvalidArgumentError(absl::StrCat(where, " is not a key", Suggest(name, known)));
      }
      if (absl::Status status = found->set(Given{where, &node, ""}); !status.ok()) return status;
      where_[absl::StrCat(prefix, name)] = where;
    }
    return absl::OkStatus();
  }

  /// A table that stands once, then what the environment says about it.
  absl::Status Section(const toml::table& root, const std::string& name, const Keys& keys) {
    const std::string prefix = absl::StrCat("[", name, "]");
    if (const toml::node* const node = root.get(name)) {
      const toml::table* const table = node->as_table();
      if (table == nullptr) {
        return absl::InvalidArgumentError(
            absl::StrCat(Line(node->source()), "'", name, "' must be a table, written as ", prefix));
      }
      if (absl::Status status = SetAll(*table, prefix, keys); !status.ok()) return status;
    }
    for (const Key& key : keys) {
      const std::string variable = Variable(name, key.name);
      const char* const text = std::getenv(variable.c_str());
      if (text == nullptr || *text == '\0') continue;
      if (absl::Status status = key.set(Given{variable, nullptr, text}); !status.ok()) return status;
      where_[absl::StrCat(prefix, key.name)] = variable;
    }
    return CheckVariables(name, keys);
  }

  /// A variable of a section that is no key of it says nothing, so it is one that was meant otherwise.
  static absl::Status CheckVariables(const std::string& section, const Keys& keys) {
    std::vector<std::string> known;
    for (const Key& key : keys) known.push_back(Variable(section, key.name));
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

  absl::StatusOr<const toml::array*> Blocks(const toml::table& in, const std::string& name,
                                            const std::string& written) const {
    const toml::node* const node = in.get(name);
    if (node == nullptr) return nullptr;
    const toml::array* const list = node->as_array();
    if (list != nullptr && list->is_array_of_tables()) return list;
    return absl::InvalidArgumentError(absl::StrCat(Line(node->source()), "'", name, "' must be written as [[",
                                                   written, "]], with two brackets"));
  }

  absl::Status CheckHas(const toml::node& block, const std::string& written, const std::string& key) const {
    if (block.as_table()->contains(key)) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(Line(block.source()), written, " has no '", key, "', which it needs"));
  }

  /// [[tenant]] and its [[tenant.table]]: what is otherwise for some.
  absl::Status TenantRules(const toml::table& root) {
    const absl::StatusOr<const toml::array*> list = Blocks(root, "tenant", "tenant");
    if (!list.ok()) return list.status();
    if (*list == nullptr) return absl::OkStatus();
    for (const toml::node& entry : **list) {
      BreakerRule rule;
      std::optional<std::int64_t> freshness;
      std::optional<bool> receipts;
      std::string indexes;
      const toml::table& block = *entry.as_table();
      const Keys keys = {{"context_id", Pattern(&rule.context)},
                         {"breaker", OrAbsent(&rule.on)},
                         {"rows_percent", OrAbsent(&rule.rows_percent, 0, 100)},
                         {"rows_min", OrAbsent(&rule.rows_min, 0, kRowsMinMax)},
                         {"tables_percent", OrAbsent(&rule.tables_percent, 0, 100)},
                         {"tables_min", OrAbsent(&rule.tables_min, 1, kTablesMinMax)},
                         {"freshness", SpanOrAbsent(&freshness)},
                         {"receipts", OrAbsent(&receipts)},
                         {"indexes", Choice(&indexes, {"none", "follow"})},
                         {"table", [](const Given&) { return absl::OkStatus(); }}};
      if (absl::Status status = SetAll(block, "[[tenant]]", keys); !status.ok()) return status;
      if (absl::Status status = CheckHas(entry, "[[tenant]]", "context_id"); !status.ok()) return status;
      config_.breaker.rules.push_back(rule);
      if (freshness) config_.freshness.push_back({rule.context, "*", false, *freshness});
      if (receipts) config_.receipts.tenants.push_back({rule.context, *receipts});
      if (!indexes.empty()) config_.indexes.push_back({rule.context, indexes == "follow"});
      if (absl::Status status = TableRules(block, rule.context); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status TableRules(const toml::table& tenant, const std::string& context) {
    const absl::StatusOr<const toml::array*> list = Blocks(tenant, "table", "tenant.table");
    if (!list.ok()) return list.status();
    if (*list == nullptr) return absl::OkStatus();
    for (const toml::node& entry : **list) {
      BreakerRule rule;
      rule.context = context;
      rule.of_table = true;
      ColumnRuleBlock columns;
      std::optional<std::int64_t> freshness;
      const Keys keys = {{"name", Text(&rule.table)},
                         {"plain", Texts(&columns.plain)},
                         {"leave_out", Texts(&columns.leave_out)},
                         {"hash", Texts(&columns.hash)},
                         {"mask", Texts(&columns.mask)},
                         {"mask_keep", Number(&columns.mask_keep, 0, kMaskKeepMax)},
                         {"breaker", OrAbsent(&rule.on)},
                         {"rows_percent", OrAbsent(&rule.rows_percent, 0, 100)},
                         {"rows_min", OrAbsent(&rule.rows_min, 0, kRowsMinMax)},
                         {"freshness", SpanOrAbsent(&freshness)}};
      if (absl::Status status = SetAll(*entry.as_table(), "[[tenant.table]]", keys); !status.ok()) {
        return status;
      }
      if (absl::Status status = CheckHas(entry, "[[tenant.table]]", "name"); !status.ok()) return status;
      columns.context = context;
      columns.table = rule.table;
      if (!columns.hash.empty() && config_.columns.hash_key.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            where_["[[tenant.table]]hash"], " needs a key: set [data] 'hash_key' to a file made by ",
            "'openssl rand -hex 32', mode 0600"));
      }
      const bool says = !columns.plain.empty() || !columns.leave_out.empty() || !columns.hash.empty() ||
                        !columns.mask.empty();
      if (says) config_.columns.blocks.push_back(std::move(columns));
      if (freshness) config_.freshness.push_back({context, rule.table, true, *freshness});
      config_.breaker.rules.push_back(std::move(rule));
    }
    return absl::OkStatus();
  }

  /// [[hook]]
  absl::Status Hooks(const toml::table& root) {
    const absl::StatusOr<const toml::array*> list = Blocks(root, "hook", "hook");
    if (!list.ok()) return list.status();
    if (*list == nullptr) return absl::OkStatus();
    if ((*list)->size() > kHooksMax) {
      return absl::InvalidArgumentError(absl::StrCat(Line((*list)->source()), "there are ", (*list)->size(),
                                                     " [[hook]]; ", kHooksMax, " are the limit"));
    }
    for (const toml::node& entry : **list) {
      HookConfig hook;
      hook.name = absl::StrCat("hook-", config_.hooks.hooks.size() + 1);
      const Keys keys = {{"name", Text(&hook.name)},
                         {"on", Choices(&hook.on, {"completed", "authenticated", "table", "wiped", "event"})},
                         {"context_id", Pattern(&hook.context_id)},
                         {"command", HookCommand(&hook.command)},
                         {"sql", HookSql(&hook.sql)},
                         {"url", HookAddress(&hook.url)},
                         {"timeout", Wait(&hook.timeout, std::chrono::hours(1))},
                         {"on_error", Choice(&hook.on_error, {"accept", "refuse"})}};
      if (absl::Status status = SetAll(*entry.as_table(), "[[hook]]", keys); !status.ok()) return status;
      if (absl::Status status = CheckHas(entry, "[[hook]]", "on"); !status.ok()) return status;
      const bool asks = std::find(hook.on.begin(), hook.on.end(), "authenticated") != hook.on.end();
      if (entry.as_table()->contains("on_error") && !asks) {
        return absl::InvalidArgumentError(
            absl::StrCat(Line(entry.source()),
                         "[[hook]] 'on_error' is for hooks that have \"authenticated\" in 'on': "
                         "what others are told is told again until they take it"));
      }
      const int ways =
          (hook.command.empty() ? 0 : 1) + (hook.sql.empty() ? 0 : 1) + (hook.url.empty() ? 0 : 1);
      if (ways != 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            Line(entry.source()), "[[hook]] must have exactly one of 'command', 'sql' and 'url'"));
      }
      for (const HookConfig& other : config_.hooks.hooks) {
        if (other.name != hook.name) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(Line(entry.source()), "[[hook]] 'name' '", hook.name, "' stands twice"));
      }
      config_.hooks.hooks.push_back(std::move(hook));
    }
    return absl::OkStatus();
  }

  absl::Status Issuers(const toml::table& root) {
    if (!root.contains("issuer")) {
      return absl::InvalidArgumentError(absl::StrCat(
          config_.file, ": there is no [[issuer]]: without one no source can call. Add one with name, ",
          "environment, keys and contexts."));
    }
    const absl::StatusOr<const toml::array*> list = Blocks(root, "issuer", "issuer");
    if (!list.ok()) return list.status();
    for (const toml::node& entry : **list) {
      IssuerConfig issuer;
      const Keys keys = {{"name", Text(&issuer.name)},
                         {"environment", Text(&issuer.environment)},
                         {"keys", Path(&issuer.keys, folder_)},
                         {"contexts", Patterns(&issuer.contexts)}};
      if (absl::Status status = SetAll(*entry.as_table(), "[[issuer]]", keys); !status.ok()) return status;
      for (const Key& key : keys) {
        if (absl::Status status = CheckHas(entry, "[[issuer]]", key.name); !status.ok()) return status;
      }
      for (const IssuerConfig& other : config_.issuers) {
        if (other.name != issuer.name || other.environment != issuer.environment) continue;
        return absl::InvalidArgumentError(
            absl::StrCat(Line(entry.source()), "[[issuer]] 'name' '", issuer.name, "' in environment '",
                         issuer.environment, "' stands twice: put all its contexts into one block"));
      }
      config_.issuers.push_back(std::move(issuer));
    }
    return absl::OkStatus();
  }

  /// What has no default.
  absl::Status CheckPresent() const {
    struct Needed {
      std::string section, key;
      const std::string& value;
      bool needed = true;
    };
    const bool tls = !config_.listen.plaintext;
    const Needed all[] = {{"listen", "certificate", config_.listen.certificate, tls},
                          {"listen", "key", config_.listen.key, tls},
                          {"admin", "certificate", config_.admin.certificate},
                          {"admin", "key", config_.admin.key},
                          {"admin", "client_ca", config_.admin.client_ca},
                          {"application", "id", config_.application.id},
                          {"application", "key", config_.application.key},
                          {"application", "key_id", config_.application.key_id},
                          {"data", "dir", config_.data.dir}};
    for (const Needed& entry : all) {
      if (!entry.needed || !entry.value.empty()) continue;
      const bool said = where_.contains(absl::StrCat("[", entry.section, "]", entry.key));
      const std::string where = said
                                    ? Where(entry.section, entry.key)
                                    : absl::StrCat(config_.file, ": [", entry.section, "] '", entry.key, "'");
      return absl::InvalidArgumentError(absl::StrCat(where, said ? " is empty" : " is missing",
                                                     " (it may also come from ",
                                                     Variable(entry.section, entry.key), ")"));
    }
    return absl::OkStatus();
  }

  /// Where a value came from; a default stands nowhere.
  std::string Where(const std::string& section, const std::string& key) const {
    const auto found = where_.find(absl::StrCat("[", section, "]", key));
    return found != where_.end() ? found->second
                                 : absl::StrCat(config_.file, ": [", section, "] '", key, "'");
  }

  absl::Status CheckTogether() const {
    const ListenConfig& listen = config_.listen;
    if (listen.plaintext && !IsLoopback(listen.address)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Where("listen", "plaintext"), " is for a loopback address only, not for '",
                       listen.address, "': tokens and rows would be readable on the way"));
    }
    if (listen.plaintext && !listen.client_ca.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Where("listen", "client_ca"),
                       " means nothing with 'plaintext': there is no TLS to show a certificate in"));
    }
    if (listen.port != 0 && listen.port == config_.admin.port) {
      return absl::InvalidArgumentError(absl::StrCat(Where("admin", "port"), " is that of [listen], ",
                                                     listen.port, ": the two listeners need a port each"));
    }
    const MetricsConfig& metrics = config_.metrics;
    if (metrics.enabled && !metrics.allow_remote && !IsLoopback(metrics.address)) {
      return absl::InvalidArgumentError(absl::StrCat(
          Where("metrics", "address"), " is not a loopback address: the metrics have neither TLS ",
          "nor a password. Set 'allow_remote' when only those that may see them can get there"));
    }
    if (metrics.enabled && metrics.port != 0 &&
        (metrics.port == listen.port || metrics.port == config_.admin.port)) {
      return absl::InvalidArgumentError(absl::StrCat(Where("metrics", "port"), " is that of ",
                                                     metrics.port == listen.port ? "[listen], " : "[admin], ",
                                                     metrics.port, ": the listeners need a port each"));
    }
    const LimitsConfig& limits = config_.limits;
    if (limits.bytes_in_flight_tenant_max < limits.message_bytes_max) {
      return absl::InvalidArgumentError(
          absl::StrCat(Where("limits", "bytes_in_flight_tenant_max"), " is below 'message_bytes_max' (",
                       SizeText(limits.message_bytes_max), "): no such message could ever be taken"));
    }
    if (limits.bytes_in_flight_max < limits.bytes_in_flight_tenant_max) {
      return absl::InvalidArgumentError(
          absl::StrCat(Where("limits", "bytes_in_flight_max"), " is below 'bytes_in_flight_tenant_max' (",
                       SizeText(limits.bytes_in_flight_tenant_max), "), which is a part of it"));
    }
    return absl::OkStatus();
  }

  const std::filesystem::path folder_;
  ServerConfig config_;
  std::map<std::string, std::string> where_;  ///< "[listen]port" -> where it was said last.
};

}  // namespace

absl::StatusOr<ServerConfig> LoadServerConfig(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return absl::NotFoundError(absl::StrCat(
        "'", path, "' is not there: give the configuration with --config ", "('mirrorctl init' writes one)"));
  }
  std::ostringstream text;
  if (!std::filesystem::is_regular_file(path, error) ||
      std::filesystem::file_size(path, error) > kFileBytesMax || !(text << std::ifstream(path).rdbuf())) {
    return absl::PermissionDeniedError(absl::StrCat(
        "'", path, "' cannot be read: it must be a file of 1 byte to 1 MiB that this user may read"));
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

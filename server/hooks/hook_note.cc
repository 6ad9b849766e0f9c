#include "server/hooks/hook_note.h"

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "server/hooks/hook_book.h"

namespace mirror {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kChanges[] = {"unspecified", "unchanged", "created", "altered",
                                    "repopulate",  "refused",   "held"};
constexpr const char* kSeverities[] = {"unspecified", "information", "warning", "error"};
constexpr std::size_t kReasonBytesMax = 500;

Json Begin(const char* event, const HookCycle& cycle) {
  return {
      {"event", event}, {"context_id", cycle.context_id}, {"cycle", cycle.cycle}, {"time_ms", cycle.time_ms}};
}

std::string Text(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

template <std::size_t N>
std::size_t IndexOf(const char* const (&names)[N], const std::string& name) {
  for (std::size_t i = 1; i < N; ++i) {
    if (name == names[i]) return i;
  }
  return 1;
}

absl::Status Tell(MirrorHooks& hooks, const Json& json) {
  const std::string event = json.at("event").get<std::string>();
  if (event == kOnEvent) {
    EventRecord record;
    record.id = json.at("id").get<std::uint64_t>();
    record.time_ms = json.at("time_ms").get<std::int64_t>();
    record.context_id = json.at("context_id").get<std::string>();
    record.severity = static_cast<Severity>(IndexOf(kSeverities, json.at("severity").get<std::string>()));
    record.kind = json.at("kind").get<std::string>();
    record.message = json.at("message").get<std::string>();
    return hooks.Event(record);
  }
  HookCycle cycle;
  cycle.context_id = json.at("context_id").get<std::string>();
  cycle.cycle = json.at("cycle").get<std::int64_t>();
  cycle.time_ms = json.at("time_ms").get<std::int64_t>();
  if (event == kOnWiped) return hooks.Wiped(cycle, json.at("table").get<std::string>());
  if (event == kOnCompleted) {
    std::vector<HookCounts> tables;
    for (const Json& table : json.at("tables")) {
      tables.push_back({table.at("table").get<std::string>(), table.at("inserts").get<std::uint64_t>(),
                        table.at("updates").get<std::uint64_t>(), table.at("deletes").get<std::uint64_t>()});
    }
    return hooks.Completed(cycle, tables);
  }
  if (event != kOnTable) return absl::InvalidArgumentError("hooks are not told of this");
  std::vector<HookTable> tables;
  for (const Json& table : json.at("tables")) {
    tables.push_back({table.at("table").get<std::string>(),
                      static_cast<TableChange>(IndexOf(kChanges, table.at("change").get<std::string>())),
                      table.at("reason").get<std::string>()});
  }
  return hooks.BeforeTables(cycle, tables);
}

}  // namespace

std::string CompletedText(const HookCycle& cycle, const std::vector<HookCounts>& tables) {
  Json json = Begin(kOnCompleted, cycle);
  Json& list = json["tables"] = Json::array();
  for (const HookCounts& table : tables) {
    list.push_back({{"table", table.table},
                    {"inserts", table.inserts},
                    {"updates", table.updates},
                    {"deletes", table.deletes}});
  }
  return Text(json);
}

std::string TablesText(const HookCycle& cycle, const std::vector<HookTable>& tables) {
  Json json = Begin(kOnTable, cycle);
  Json& list = json["tables"] = Json::array();
  for (const HookTable& table : tables) {
    list.push_back({{"table", table.table},
                    {"change", kChanges[static_cast<std::size_t>(table.change)]},
                    {"reason", table.reason}});
  }
  return Text(json);
}

std::string WipedText(const HookCycle& cycle, const std::string& table) {
  Json json = Begin(kOnWiped, cycle);
  json["table"] = table;
  return Text(json);
}

std::string EventText(const EventRecord& event) {
  return Text({{"event", kOnEvent},
               {"context_id", event.context_id},
               {"time_ms", event.time_ms},
               {"id", event.id},
               {"severity", kSeverities[static_cast<std::size_t>(event.severity)]},
               {"kind", event.kind},
               {"message", event.message}});
}

std::string AuthenticatedText(const HookCaller& caller) {
  return Text({{"event", kOnAuthenticated},
               {"context_id", caller.context_id},
               {"issuer", caller.issuer},
               {"environment", caller.environment}});
}

absl::Status TellHooks(MirrorHooks& hooks, std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    return Tell(hooks, json);
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError("hooks are not told of this");
  }
}

absl::StatusOr<std::string> ReadRefusal(std::string_view printed) {
  const auto text = absl::StripAsciiWhitespace(absl::string_view(printed.data(), printed.size()));
  if (text.empty()) return std::string();
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  const absl::Status wrong =
      absl::InvalidArgumentError("its answer is not {\"do_not_replicate\": true, \"reason\": \"...\"}");
  if (!json.is_object()) return wrong;
  const auto refused = json.find("do_not_replicate");
  // "true" as a text is accepted, too: sources and partners have written both.
  if (refused == json.end() || *refused == false || *refused == "false") return std::string();
  if (*refused != true && *refused != "true") return wrong;
  const auto reason = json.find("reason");
  std::string words = reason != json.end() && reason->is_string() ? reason->get<std::string>() : "";
  if (words.size() > kReasonBytesMax) words.resize(kReasonBytesMax);
  return words.empty() ? "a hook of this endpoint refused it" : words;
}

}  // namespace mirror

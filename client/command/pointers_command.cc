
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/human_text.h"
#include "base/printable.h"
#include "base/status_macros.h"
#include "base/system_user.h"
#include "base/text/text_stream.h"
#include "client/command/commands.h"
#include "client/command/report.h"
#include "client/config/config.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/capture/capture_state.h"
#include "client/source/files/rows/file_rows.h"
#include "client/state/lock_file.h"
#include "proto/wire/table.h"

namespace mirror {
namespace {

using Json = nlohmann::json;

Json InJson(const KeyPart& pointer) {
  if (pointer == BeforeAll()) return nullptr;
  switch (pointer.kind) {
    case Kind::kInteger:
      return pointer.integer;
    case Kind::kReal:
      return pointer.real;
    case Kind::kNull:
      return nullptr;
    default:
      return pointer.bytes;
  }
}

std::string InWords(const KeyPart& pointer) {
  if (pointer.kind == Kind::kNull) return "none yet";
  if (pointer == BeforeAll()) return "before all";
  return pointer.kind == Kind::kText ? Printable(pointer.bytes)
                                     : InJson(pointer).dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Parses a number if the present pointer is one; else takes the text.
KeyPart Parse(const std::string& value, const KeyPart& present) {
  KeyPart part;
  const bool text =
      present.kind == Kind::kText || present.kind == Kind::kRawText || present.kind == Kind::kBlob;
  if (const auto integer = text ? std::nullopt : ReadInteger(value)) {
    part.kind = Kind::kInteger;
    part.integer = *integer;
  } else if (const auto real = text ? std::nullopt : ReadReal(value)) {
    part.kind = Kind::kReal;
    part.real = *real;
  } else {
    part.kind = Kind::kText;
    part.bytes = value;
  }
  return part;
}

/// Moves the pointer of a table; `deletes`: the pointer of its feed of deletes.
absl::Status Move(CaptureState& state, const std::string& name, const std::optional<std::string>& value,
                  bool deletes) {
  ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> table, state.Find(name));
  if (!table)
    return absl::NotFoundError(
        absl::StrCat("table '", name,
                     "' has no pointer: no run has read it yet, or its strategy needs none. Check the name"));
  const LookedBy by = ReadLookedBy(table->form);
  if (!by.HasPointer()) {
    return absl::NotFoundError(
        absl::StrCat("table '", name, "' has no pointer: its strategy is \"", by.word, "\""));
  }
  if (deletes && table->feed.empty())
    return absl::NotFoundError(
        absl::StrCat("table '", name,
                     "' has no pointer of deletes: it has no 'deletes_from', or no run has read that yet"));
  const auto set = [&](const KeyPart& pointer) {
    return deletes ? state.SetDeletesPointer(name, pointer) : state.SetPointer(name, pointer);
  };
  if (!value) return set(BeforeAll());
  KeyPart present = deletes ? table->deletes_pointer : table->pointer;
  if (present == BeforeAll()) present = KeyPart();  // The new one may be of either kind.
  const KeyPart pointer = Parse(*value, present);
  const auto is_number = [](const KeyPart& part) {
    return part.kind == Kind::kInteger || part.kind == Kind::kReal;
  };
  // All numbers sort before any text, so a pointer of the other kind would skip all rows or none.
  if (present.kind != Kind::kNull && is_number(present) != is_number(pointer)) {
    return absl::InvalidArgumentError(absl::StrCat("table '", name, "': its pointer is a ",
                                                   is_number(present) ? "number" : "text",
                                                   ", and the new value is not. The pointer is unchanged"));
  }
  return set(pointer);
}

/// Returns the mirror's name of a table; `given` may be the source's.
std::string NameAtMirror(const SourceConfig& source, const std::string& given) {
  for (const TableConfig& table : source.tables) {
    if (SameName(table.name, given)) return SentName(table);
  }
  return given;
}

absl::Status Change(const AgentConfig& config, const SourceConfig& source, const PointersOptions& options) {
  ASSIGN_OR_RETURN(const LockFile lock, LockFile::Acquire(config.agent.state_dir, source.context_id));
  ASSIGN_OR_RETURN(const std::unique_ptr<CaptureState> state,
                   CaptureState::Open(config.agent.state_dir, source.context_id));
  for (const std::string& one : options.set) {
    const std::size_t equals = one.find('=');
    RETURN_IF_ERROR(
        Move(*state, NameAtMirror(source, one.substr(0, equals)), one.substr(equals + 1), options.deletes));
  }
  for (const std::string& table : options.reset) {
    RETURN_IF_ERROR(Move(*state, NameAtMirror(source, table), std::nullopt, options.deletes));
  }
  return absl::OkStatus();
}

absl::StatusOr<Json> Describe(const AgentConfig& config, const SourceConfig& source, std::ostream* out) {
  Json tables = Json::array();
  std::int64_t run = 0;
  if (out != nullptr) *out << source.context_id << '\n';
  if (CaptureState::Exists(config.agent.state_dir, source.context_id)) {
    ASSIGN_OR_RETURN(const std::unique_ptr<CaptureState> state,
                     CaptureState::OpenCopy(config.agent.state_dir, source.context_id));
    run = state->run();
    ASSIGN_OR_RETURN(const std::vector<CaptureState::Table> all, state->List());
    for (const CaptureState::Table& table : all) {
      const LookedBy by = ReadLookedBy(table.form);
      const std::string looked = table.looked_ms == 0 ? "" : FormatUnixTime(table.looked_ms / 1'000);
      tables.push_back({{"table", table.name},
                        {"strategy", by.word},
                        {"column", by.column},
                        {"pointer", InJson(table.pointer)},
                        {"deletes_pointer", InJson(table.deletes_pointer)},
                        {"looked_at", looked},
                        {"rows", table.rows}});
      if (out == nullptr) continue;
      *out << "  " << Printable(table.name) << ": " << Printable(by.word);
      if (!by.column.empty()) *out << ", by " << Printable(by.column);
      if (by.HasPointer()) *out << ", pointer " << InWords(table.pointer);
      if (table.deletes_pointer.kind != Kind::kNull)
        *out << ", pointer of deletes " << InWords(table.deletes_pointer);
      *out << ", " << Counted(table.rows, "row") << " remembered, last read "
           << (looked.empty() ? "never" : looked) << '\n';
    }
  }
  if (out != nullptr && tables.empty())
    *out << "  nothing is remembered: no run has read the source yet, or its strategy remembers nothing\n";
  return Json{{"context_id", source.context_id}, {"run", run}, {"tables", std::move(tables)}};
}

}  // namespace

int Pointers(const PointersOptions& options, std::ostream& out, std::ostream& err) {
  const auto fail = [&err](int code, const std::string& why) {
    err << kFailedHere << why << '\n';
    return code;
  };
  const absl::StatusOr<AgentConfig> config = LoadAgentConfig(options.config);
  if (!config.ok()) return fail(kExitWrongUse, std::string(config.status().message()));
  std::vector<const SourceConfig*> sources;
  for (const SourceConfig& source : config->sources) {
    if (options.context_id.empty() || source.context_id == options.context_id) sources.push_back(&source);
  }
  if (sources.empty())
    return fail(kExitWrongUse, absl::StrCat("there is no [[source]] '", options.context_id, "'"));
  const bool changes = !options.set.empty() || !options.reset.empty();
  if (changes && sources.size() > 1) {
    return fail(kExitWrongUse, "there are several sources: say which one with --context-id");
  }
  for (const std::string& one : options.set) {
    if (one.find('=') == std::string::npos)
      return fail(kExitWrongUse, absl::StrCat("--set takes TABLE=VALUE, not '", one, "'"));
  }
  if (changes) {
    if (absl::Status own = CheckOwnFolder(config->agent.state_dir, config->file); !own.ok())
      return fail(kExitWrongUse, std::string(own.message()));
    const absl::Status changed = Change(*config, *sources.front(), options);
    if (!changed.ok()) return fail(kExitFailed, std::string(changed.message()));
  }
  int code = kExitDone;
  Json all = Json::array();
  for (const SourceConfig* const source : sources) {
    absl::StatusOr<Json> one = Describe(*config, *source, options.json ? nullptr : &out);
    if (one.ok()) {
      all.push_back(*std::move(one));
    } else {
      code = fail(kExitFailed, absl::StrCat(source->context_id, ": ", one.status().message()));
    }
  }
  if (options.json)
    AsItIs(out) << Json{{"sources", all}}.dump(1, ' ', false, Json::error_handler_t::replace) << '\n';
  return code;
}

}  // namespace mirror

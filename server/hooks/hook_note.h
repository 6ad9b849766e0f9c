#ifndef MIRROR_SERVER_HOOKS_HOOK_NOTE_H_
#define MIRROR_SERVER_HOOKS_HOOK_NOTE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hooks/hooks.h"

namespace mirror {

// The JSON text for a hook: {"event": "completed", "context_id": ..., "cycle": ..., "time_ms": ...} and
//   completed      "tables": [{"table", "inserts", "updates", "deletes"}]
//   table          "tables": [{"table", "change", "reason"}]
//   wiped          "table"
//   event          "id", "severity", "kind", "message"
//   authenticated  "issuer", "environment"
// The text is valid ASCII JSON, whatever characters the names contain.

std::string CompletedText(const HookCycle& cycle, const std::vector<HookCounts>& tables);
std::string TablesText(const HookCycle& cycle, const std::vector<HookTable>& tables);
std::string WipedText(const HookCycle& cycle, const std::string& table);
std::string EventText(const EventRecord& event);
std::string AuthenticatedText(const HookCaller& caller);

/// Calls the method of `hooks` that belongs to the text. Errors: kInvalidArgument: no method belongs to it;
/// those of the method.
absl::Status TellHooks(MirrorHooks& hooks, std::string_view text);

/// Parses a hook's output: {"do_not_replicate": true, "reason": "..."}. Returns the reason. It is empty, so
/// that the cycle may begin, without output or without do_not_replicate. Errors: kInvalidArgument: other
/// output.
absl::StatusOr<std::string> ReadRefusal(std::string_view printed);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOK_NOTE_H_

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

// What a hook is told, as JSON: {"event": "completed", "context_id": ..., "cycle": ..., "time_ms": ...} and
//   completed      "tables": [{"table", "inserts", "updates", "deletes"}]
//   table          "tables": [{"table", "change", "reason"}]
//   wiped          "table"
//   event          "id", "severity", "kind", "message"
//   authenticated  "issuer", "environment"
// Valid JSON in ASCII, whatever the names hold.

std::string CompletedText(const HookCycle& cycle, const std::vector<HookCounts>& tables);
std::string TablesText(const HookCycle& cycle, const std::vector<HookTable>& tables);
std::string WipedText(const HookCycle& cycle, const std::string& table);
std::string EventText(const EventRecord& event);
std::string AuthenticatedText(const HookCaller& caller);

/// Tells `hooks` what stands in the text. Errors: kInvalidArgument: it is none of the above; the hook's own.
absl::Status TellHooks(MirrorHooks& hooks, std::string_view text);

/// What a hook that was asked printed: {"do_not_replicate": true, "reason": "..."}; empty, or without
/// do_not_replicate: the cycle may begin, and the reason is empty. Errors: kInvalidArgument: something else.
absl::StatusOr<std::string> ReadRefusal(std::string_view printed);

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOK_NOTE_H_

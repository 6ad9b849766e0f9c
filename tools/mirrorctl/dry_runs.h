#ifndef MIRROR_TOOLS_MIRRORCTL_DRY_RUNS_H_
#define MIRROR_TOOLS_MIRRORCTL_DRY_RUNS_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mirror/v1/mirror_admin.pb.h"
#include "tools/mirrorctl/admin/admin_client.h"
#include "tools/mirrorctl/admin/consequences.h"
#include "tools/mirrorctl/admin/console.h"
#include "tools/mirrorctl/admin_commands.h"

// Functions for destructive commands. With --dry-run a command only counts. With --expect it acts only if
// nothing has changed since. On a terminal it counts before it asks.

namespace mirror {

/// Prints the result of a command with --dry-run.
void ShowDryRun(const absl::StatusOr<v1::Consequences>& counted, const AdminRequest& request,
                Console& console);

/// The question to the user at the terminal before a destructive act.
enum class Question {
  kNone,
  kYes,     ///< The user types y; otherwise nothing is done.
  kTenant,  ///< The user repeats the context id or another name, unless --confirm gave it.
};

/// Asks the user at the terminal. `name`: the text to repeat, with kTenant. Returns false if the command must
/// not act; the console then has the reason.
bool Ask(Question question, const std::string& name, Console& console);

/// Shows `counted`, or warns if it is an error; then asks. False: the command must not act.
bool AskBefore(const absl::StatusOr<v1::Consequences>& counted, Question question,
               const std::string& context_id, Console& console);

/// Makes the call, or only a dry run, as the request says. Absent: the call failed, was only a dry run, or
/// the user declined; the console has all messages.
template <typename Message, typename Answer>
std::optional<Answer> DoAsMeant(AdminClient& admin, const AdminRequest& request, Console& console,
                                Message message, Question question,
                                const std::function<absl::StatusOr<Answer>(const Message&)>& call) {
  const bool asks = !request.dry_run && console.in != nullptr && question != Question::kNone;
  if (request.dry_run || !request.expect.empty() || asks) {
    const absl::Status knows = CheckKnowsDryRuns(admin);
    // An older server may act if the user is asked. It may not act with --expect, because it would ignore the
    // token.
    if (!knows.ok() && (!asks || !request.expect.empty())) {
      Fail(console, knows);
      return std::nullopt;
    }
    Message look = message;
    look.set_dry_run(true);
    look.set_with_keys(request.with_keys);
    const auto count = [&]() -> absl::StatusOr<v1::Consequences> {
      if (!knows.ok()) return knows;
      absl::StatusOr<Answer> counted = call(look);
      if (!counted.ok()) return counted.status();
      return std::move(*counted->mutable_consequences());
    };
    if (request.dry_run || asks) {
      const absl::StatusOr<v1::Consequences> counted = count();
      if (request.dry_run) {
        ShowDryRun(counted, request, console);
        return std::nullopt;
      }
      if (!AskBefore(counted, question, request.context_id, console)) return std::nullopt;
      // The server then acts only on the state that the user saw.
      if (counted.ok()) message.set_expect(counted->token());
    }
  }
  if (!request.expect.empty()) message.set_expect(request.expect);
  absl::StatusOr<Answer> answer = call(message);
  if (answer.ok()) return *std::move(answer);
  Fail(console, answer.status());
  return std::nullopt;
}

}  // namespace mirror

#endif  // MIRROR_TOOLS_MIRRORCTL_DRY_RUNS_H_

#include "tools/mirrorctl/dry_runs.h"

#include <istream>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/printable.h"
#include "base/text/text_table.h"
#include "tools/mirrorctl/admin/admin_output.h"

namespace mirror {

void ShowDryRun(const absl::StatusOr<v1::Consequences>& counted, const AdminRequest& request,
                Console& console) {
  if (!counted.ok()) return Fail(console, counted.status());
  if (counted->token().empty()) {
    return Fail(console, absl::InternalError("the server sent no counts, and may have executed the command. "
                                             "Check with 'mirrorctl events'"));
  }
  if (request.json) return PrintJson(console.out, ToJson(*counted));
  PrintConsequences(console.out, *counted, request.width());
  console.out << "nothing was done; run the command with --expect " << Printable(counted->token())
              << " to do it, if nothing has changed by then\n";
}

bool Ask(Question question, const std::string& name, Console& console) {
  const bool by_name = question == Question::kTenant;
  console.err << (by_name ? absl::StrCat("Type ", Printable(name), " to continue: ") : "Continue? [y/N] ")
              << std::flush;
  std::string answer;
  std::getline(*console.in, answer);
  const bool agreed = by_name ? answer == name : answer == "y" || answer == "Y";
  if (agreed) return true;
  console.err << "mirrorctl: nothing was done\n";
  console.exit_code = Console::kFailed;
  return false;
}

bool AskBefore(const absl::StatusOr<v1::Consequences>& counted, Question question,
               const std::string& context_id, Console& console) {
  if (counted.ok()) {
    console.err << "Consequences:\n";
    PrintConsequences(console.err, *counted, kStreamWidth);
  } else {
    Warn(console, absl::StrCat("the consequences cannot be counted: ", counted.status().message()));
  }
  return Ask(question, context_id, console);
}

}  // namespace mirror

#include "server/rpc/admin/dry_runs.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace mirror {
namespace {

/// A longer text is no token and is not logged.
constexpr std::size_t kLoggedTokenMax = 32;

void EncodeRestored(const RestoredTable& table, v1::RestoredTable* message) {
  message->set_lsn_now(table.lsn_now);
  message->set_lsn_then(table.lsn_then);
  message->set_rows_now(table.rows_now);
  message->set_rows_then(table.rows_then);
  message->set_compared(table.compared);
  message->set_only_now(table.only_now);
  message->set_only_then(table.only_then);
  message->set_different(table.different);
}

}  // namespace

void EncodeConsequences(const Consequences& counted, v1::Consequences* message) {
  for (const Consequence& one : counted.tables) {
    v1::Consequence* const table = message->add_tables();
    table->set_table(one.table);
    table->set_rows(one.rows);
    table->set_partner_rows(one.partner_rows);
    table->set_values(one.values);
    table->set_versions(one.versions);
    table->set_entries(one.entries);
    table->mutable_objects()->Add(one.objects.begin(), one.objects.end());
    table->set_rows_to_send(one.rows_to_send);
    if (one.restored) EncodeRestored(*one.restored, table->mutable_restored());
    table->mutable_keys()->Add(one.keys.begin(), one.keys.end());
  }
  message->mutable_notes()->Add(counted.notes.begin(), counted.notes.end());
  message->set_token(counted.token);
}

std::string MeantWords(bool dry_run, bool with_keys, const std::string& expect) {
  if (dry_run) return with_keys ? " dry run with keys" : " dry run";
  if (expect.empty()) return "";
  const bool is_token = expect.size() <= kLoggedTokenMax &&
                        std::all_of(expect.begin(), expect.end(),
                                    [](unsigned char character) { return absl::ascii_isxdigit(character); });
  return is_token ? absl::StrCat(" as ", expect) : " as something that is no token";
}

}  // namespace mirror

#include "server/watch/event_kinds.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/name_pattern.h"
#include "base/printable.h"

namespace mirror {
namespace {

/// All kinds, in the order of the alphabet; docs/reference/events.md explains each.
constexpr std::string_view kKinds[] = {
    "audit.kept",          "audit.replaced",      "audit.waits",
    "backup.failed",       "backup.made",         "columns.rule_idle",
    "cycle.completed",     "cycle.ended",         "cycle.failed",
    "freshness.ended",     "freshness.missed",    "freshness.regained",
    "golden.held",         "golden.not_derived",  "golden.not_rewritten",
    "golden.overtaken",    "golden.pingpong",     "golden.suspended",
    "golden.unread_time",  "golden.unsure",       "history.not_kept",
    "hold.committed",      "hold.deletes",        "hold.population",
    "hold.refused",        "hold.source",         "hold.tables",
    "hook.dropped",        "hook.failed",         "hook.given_up",
    "hook.unanswered",     "http.key_left_out",   "http.no_imports",
    "http.not_reloaded",   "http.upload_unread",  "import.failed",
    "index.left_out",      "indexes.failed",      "indexes.ignored",
    "indexes.rule_idle",   "key.expires",         "keys.not_reloaded",
    "keys.reloaded",       "lsn.invalidated",     "metrics.not_served",
    "mirror.damaged",      "mirror.deleted",      "mirror.lost",
    "mirror.not_built",    "mirror.not_scrubbed", "mirror.rebuilt",
    "mirror.replaced",     "mirror.restored",     "mirror.scrubbed",
    "mirror.unavailable",  "mirror.went_back",    "move.arrived",
    "move.begun",          "move.left",           "move.placed",
    "move.undone",         "partner.column_lost", "partner.rows_lost",
    "records.not_erased",  "row.erased",          "server.clock",
    "server.control_back", "server.control_lost", "server.hash_key",
    "server.place",        "server.rules",        "source.accepted",
    "source.not_admitted", "source.replaced",     "source.restored",
    "table.differs",       "table.populating",    "table.refused",
    "table.repopulate",    "table.rows_missing",  "tables.reset",
    "tables.retired",      "tables.sent_again",   "tables.unsent",
    "tenant.allowed",      "tenant.created",      "tenant.not_deleted",
    "tenant.paused",       "tenant.resumed",      "tls.bad",
    "values.dropped",      "verify.wanted",
};

/// What stands before the dot.
std::string_view GroupOf(std::string_view kind) { return kind.substr(0, kind.find('.')); }

}  // namespace

absl::Status CheckKindPattern(std::string_view pattern) {
  std::vector<std::string> near, groups;
  for (const std::string_view kind : kKinds) {
    if (pattern.empty() || MatchesExactly(kind, pattern)) return absl::OkStatus();
    const std::string_view group = GroupOf(kind);
    if (group == GroupOf(pattern)) near.emplace_back(kind);
    if (groups.empty() || groups.back() != group) groups.emplace_back(group);
  }
  const std::string there = near.empty() ? absl::StrCat("Kinds begin with ", absl::StrJoin(groups, ", "),
                                                        "; cycle.* means all that begin with cycle.")
                                         : absl::StrCat("There are ", absl::StrJoin(near, ", "), ".");
  return absl::InvalidArgumentError(
      absl::StrCat("no event is of the kind '", Printable(pattern), "'. ", there));
}

}  // namespace mirror

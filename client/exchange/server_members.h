#ifndef MIRROR_CLIENT_EXCHANGE_SERVER_MEMBERS_H_
#define MIRROR_CLIENT_EXCHANGE_SERVER_MEMBERS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/steps/table_steps.h"
#include "client/source/table_choice.h"

namespace mirror {

/// A foreign key that changes rows of `child` when rows of `parent` change.
struct ServerAction {
  std::int64_t child = 0, parent = 0;  ///< By MemberTable::log.
  bool on_delete = false, on_update = false;
  bool deletes = false;  ///< A delete of the parent's row deletes the child's.
  std::string matches;   ///< In SQL: the condition that a row of the child refers to a row of the parent.
};

struct ServerMembersOptions {
  std::string schema = {};  ///< postgres. Empty for MariaDB, where the connection's database is used.
  TableChoice choice = {};
  /// SourceTable.record of earlier runs, by table; called at the first Look(). Empty: there are none.
  std::function<absl::StatusOr<std::map<std::string, std::string>>()> records = {};
  std::map<std::string, std::vector<std::string>> keys = {};
};

/// All tables of a server's database as of one reading. `Member`: a ServerMember with `known`, a table of
/// `Tables`, which is the kind's ServerTables. Threads: one.
template <typename Member, typename Tables>
class ServerMembers {
 public:
  /// Finds a table by the name under which it is sent; null: no sent table has it.
  const Member* Find(const std::string& sent_name) const {
    const auto found = sent_.find(FoldName(sent_name));
    return found == sent_.end() ? nullptr : FindByLog(found->second);
  }
  /// Finds a table by MemberTable::log; null: the database has none.
  const Member* FindByLog(std::int64_t log) const {
    const auto found = members_.find(log);
    return found == members_.end() ? nullptr : &found->second;
  }

  /// Calls `read(child, action)` for each foreign key with an action that reaches rows of a table with a key
  /// from rows of `parent`: on their delete, or else update.
  template <typename Read>
  absl::Status ForEachChild(const Member& parent, bool deletes, const Read& read) const {
    for (const ServerAction& action : actions_) {
      if (action.parent != parent.table.log) continue;
      if (deletes ? !action.on_delete : !action.on_update) continue;
      const Member* const child = FindByLog(action.child);
      if (child == nullptr || child->table.key.empty()) continue;
      RETURN_IF_ERROR(read(*child, action));
    }
    return absl::OkStatus();
  }

  /// Records that values of these columns do not fit their announced type: the next Look() corrects it, as
  /// the reader does. `misfits`: a list of Misfit, by place in `columns`. Returns the error kAborted.
  template <typename MisfitList>
  absl::Status KeepMisfits(const Member& member, const std::vector<std::uint32_t>& columns,
                           MisfitList misfits) {
    for (auto& misfit : misfits) misfit.column = columns[misfit.column];
    tables_->Keep(*member.known, misfits);
    return absl::AbortedError(absl::StrCat("table '", member.table.name(),
                                           "' has values that do not fit the types that were announced"));
  }

 protected:
  /// `rules` outlive it.
  ServerMembers(ServerMembersOptions options, const ExchangeRules& rules)
      : options_(std::move(options)), rules_(rules) {}

  /// Forgets the tables of the reading before. Errors: those of ServerMembersOptions::records.
  absl::Status Clear() {
    members_.clear();
    sent_.clear();
    if (!tables_) {
      std::map<std::string, std::string> records;
      if (options_.records) {
        ASSIGN_OR_RETURN(records, options_.records());
      }
      tables_.emplace(records, options_.keys, std::vector<TableSteps>());
    }
    tables_->Clear();
    return absl::OkStatus();
  }

  /// Takes tables of the catalog. `complete(member)` sets what the kind alone knows, and `table.log`.
  template <typename Complete>
  void Take(std::vector<typename Tables::Table> all, const typename Tables::Place& place,
            const Complete& complete) {
    std::vector<std::string> names;
    for (const auto& table : all) names.push_back(table.name);
    const ChosenTables chosen = ChooseTables(options_.choice, names);
    const std::set<std::string> sent(chosen.names.begin(), chosen.names.end());
    std::vector<std::string> notes;  // The reader reports them.
    for (auto& table : all) {
      if (table.quoted.empty()) continue;
      const std::string name = table.name;
      if (!tables_->Announce(std::move(table), place, &notes).problem.empty()) continue;
      Member member;
      member.known = tables_->Find(name);
      member.is_sent = sent.contains(name);
      if (const TableSteps* const steps = rules_.StepsOf(name)) member.table.steps = *steps;
      member.table.sent_name = member.table.steps.as.empty() ? name : member.table.steps.as;
      member.table.plan.schema = member.known->schema;
      member.table.key = member.known->schema.Key();
      complete(&member);
      // If two names are the same in the mirror, the first table is sent, which in PostgreSQL is the older
      // one.
      if (member.is_sent) sent_.try_emplace(FoldName(member.table.sent_name), member.table.log);
      members_.emplace(member.table.log, std::move(member));
    }
  }

  const ServerMembersOptions options_;
  const ExchangeRules& rules_;
  std::optional<Tables> tables_;              ///< Absent: there was no reading yet.
  std::map<std::int64_t, Member> members_;    ///< By MemberTable::log.
  std::map<std::string, std::int64_t> sent_;  ///< By the folded name under which it is sent.
  std::vector<ServerAction> actions_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_SERVER_MEMBERS_H_

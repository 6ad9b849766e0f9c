#include "client/exchange/postgres/postgres_reached.h"

#include <deque>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/postgres/postgres_values.h"

namespace mirror {
namespace {

/// A row whose own references are still to be looked for.
struct Step {
  const PostgresMember* member = nullptr;
  RowOf key;
  bool deletes = false;
};

class Search {
 public:
  Search(postgres::Connection& connection, PostgresMembers& members)
      : connection_(connection), members_(members) {}

  absl::StatusOr<std::vector<ReachedRow>> Run(Step first) {
    seen_.emplace(first.member->table.log, KeyText(first.key));
    steps_.push_back(std::move(first));
    for (; !steps_.empty(); steps_.pop_front()) {
      for (const PostgresAction& action : members_.actions()) {
        const Step& step = steps_.front();
        if (action.parent != step.member->known->table.oid) continue;
        if (step.deletes ? !action.on_delete : !action.on_update) continue;
        if (absl::Status followed = Follow(step, action); !followed.ok()) return followed;
      }
    }
    return std::move(rows_);
  }

 private:
  absl::Status Follow(const Step& step, const PostgresAction& action) {
    const PostgresMember* const child = members_.FindByOid(action.child);
    if (child == nullptr || child->table.key.empty()) return absl::OkStatus();
    std::vector<std::uint32_t> read = child->table.key;
    const std::vector<std::uint32_t> plain = child->table.PlainColumns();
    const auto parts = static_cast<std::ptrdiff_t>(read.size());
    read.insert(read.end(), plain.begin(), plain.end());
    PostgresTexts bound;
    bound.AddKey(*step.member, step.key);
    const bool deletes = step.deletes && action.deletes;
    return ReadPostgresValues(
        connection_, members_, *child, read,
        absl::StrCat("SELECT ", child->Values(read), " FROM ", child->Rows(), " JOIN ",
                     step.member->Rows("p"), " ON ", action.matches, " WHERE ", step.member->KeyIs(1, "p"),
                     " LIMIT ", kReachedRowsMax + 1),
        bound, [&](RowOf row) {
          RowOf key(row.begin(), row.begin() + parts);
          if (!seen_.emplace(child->table.log, KeyText(key)).second) return absl::OkStatus();
          if (rows_.size() == kReachedRowsMax) {
            return absl::OutOfRangeError(
                absl::StrCat("it would change more than ", kReachedRowsMax, " rows that refer to it"));
          }
          steps_.push_back({child, key, deletes});
          rows_.push_back({child, std::move(key), RowOf(row.begin() + parts, row.end())});
          return absl::OkStatus();
        });
  }

  postgres::Connection& connection_;
  PostgresMembers& members_;
  std::deque<Step> steps_;
  std::set<std::pair<std::int64_t, std::string>> seen_;
  std::vector<ReachedRow> rows_;
};

}  // namespace

absl::StatusOr<std::vector<ReachedRow>> ReachPostgresRows(postgres::Connection& connection,
                                                          PostgresMembers& members,
                                                          const PostgresMember& member, const RowOf& key,
                                                          bool deletes) {
  return Search(connection, members).Run({&member, key, deletes});
}

}  // namespace mirror

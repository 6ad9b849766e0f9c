#ifndef MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_
#define MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "client/source/reader.h"

namespace mirror {

/// The tables of a database that the configuration asks for.
struct TableChoice {
  /// Patterns, see MatchesPattern(). If names differ only by case and a pattern spells one of them exactly,
  /// the pattern matches only that name.
  std::vector<std::string> include = {"*"}, skip = {};
  std::map<std::string, std::string> blocked = {};  ///< Tables that are never sent, as patterns with reasons.
  std::function<bool(const std::string&)> takes = {};  ///< Further filter on the present tables; empty: all.
  /// The source has an exchange: its ledger is always chosen, also if the patterns exclude it.
  bool exchange = false;
  /// Tables of the last run. A mirror can hold only one of several names that differ only by case: the name
  /// in this set is chosen, otherwise the first one.
  std::set<std::string> announced = {};
  /// Chooses all names that differ only by case. A log needs this: 'skip' may select another of them later.
  bool keeps_twins = false;
};

/// The result of a choice.
struct ChosenTables {
  std::vector<std::string> names;
  // See SourceSchema.
  std::vector<RefusedTable> blocked;
  std::vector<RefusedTable> refused;  ///< Their names differ from that of a chosen table only by case.
  std::vector<std::string> idle_patterns;
};

/// Chooses among all tables of the source, in their order. Leaves out tables of the exchange's own.
ChosenTables ChooseTables(const TableChoice& choice, const std::vector<std::string>& all);

/// Returns the chosen tables of `all`, by their `name`, in their order.
template <typename Table>
std::vector<Table> TakeChosen(const TableChoice& choice, std::vector<Table> all) {
  std::vector<std::string> names;
  for (const Table& table : all) names.push_back(table.name);
  const std::vector<std::string> chosen = ChooseTables(choice, names).names;
  std::erase_if(all, [&chosen](const Table& table) {
    return std::find(chosen.begin(), chosen.end(), table.name) == chosen.end();
  });
  return all;
}

/// Checks that a source's tables have names that a mirror can have, each once. Threads: one.
class AnnouncedNames {
 public:
  /// Refused names are added to `schema`.
  explicit AnnouncedNames(SourceSchema* schema) : schema_(schema) {}

  /// False: the name is refused. `is_readable`: the source can be queried for a table of that name.
  bool Take(const std::string& name, bool is_readable);

 private:
  SourceSchema* const schema_;
  std::map<std::string, std::string> folded_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_TABLE_CHOICE_H_

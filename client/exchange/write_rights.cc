#include "client/exchange/write_rights.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/human_text.h"

namespace mirror {
namespace {

bool LacksSome(const NeededRights& table) { return !table.lacked.empty() || !table.statements.empty(); }

void TellOne(const NeededRights& table, const std::string& who, const std::string& to,
             SourceFindings* findings) {
  std::vector<std::string> grants = table.statements;
  if (!table.lacked.empty()) {
    grants.insert(grants.begin(), absl::StrCat("GRANT ", absl::StrJoin(table.lacked, ", "), " ON ",
                                               table.quoted, " TO ", to));
  }
  findings->Fail(absl::StrCat(kDeliveriesStep, " to ", table.table),
                 absl::StrCat(who, " lacks ",
                              table.lacked.empty() ? "a right on the sequence that numbers the table's rows"
                                                   : absl::StrJoin(table.lacked, ", "),
                              ": deliveries that need a missing right are refused"),
                 absl::StrCat(absl::StrJoin(grants, "; "), ". Or leave the table out with 'accept_tables'"));
}

std::string AcceptedWords(const ExchangeRules& rules) {
  std::vector<std::string> words;
  if (rules.inserts) words.emplace_back("insert");
  if (rules.updates) words.emplace_back("update");
  if (rules.deletes) words.emplace_back("delete");
  return absl::StrJoin(words, ", ");
}

}  // namespace

std::string RightOnColumns(const std::string& right, const std::vector<std::string>& quoted, bool all) {
  return all || quoted.empty() ? right : absl::StrCat(right, " (", absl::StrJoin(quoted, ", "), ")");
}

void TellNeededRights(const ExchangeRules& rules, const std::vector<NeededRights>& tables,
                      const std::string& who, const std::string& to, SourceFindings* findings) {
  if (tables.empty()) {
    return findings->Warn(kDeliveriesStep,
                          "no table with a key is accepted: all deliveries to this source are refused",
                          "correct 'accept_tables', or take 'accept' out");
  }
  std::vector<std::string> others;
  std::size_t told = 0, lacking = 0;
  for (const NeededRights& table : tables) {
    if (!LacksSome(table)) continue;
    ++lacking;
    if (told < kRightsToldMax) {
      ++told;
      TellOne(table, who, to, findings);
    } else {
      others.push_back(table.table);
    }
  }
  if (!others.empty()) {
    findings->Fail(
        absl::StrCat(kDeliveriesStep, " to others"),
        absl::StrCat(who, " lacks rights on ", Counted(others.size(), "more table"), ": ",
                     ListNames(others, kRightsToldMax)),
        "let their owner run what 'mirror-agent install --print-sql' prints, or leave them out with "
        "'accept_tables'");
  }
  if (lacking > 0) return;
  findings->Ok(kDeliveriesStep, absl::StrCat(AcceptedWords(rules), " in ", Counted(tables.size(), "table"),
                                             ": ", who, " has the rights"));
}

}  // namespace mirror

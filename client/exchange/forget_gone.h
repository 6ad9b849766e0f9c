#ifndef MIRROR_CLIENT_EXCHANGE_FORGET_GONE_H_
#define MIRROR_CLIENT_EXCHANGE_FORGET_GONE_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "client/exchange/exchange_rules.h"
#include "client/exchange/member_table.h"
#include "client/source/sqlite/file/sqlite_file.h"

namespace mirror {

/// The key of a row of this table, of a text as the ledger has it; absent: it is of another key than the
/// table has by now.
std::optional<RowOf> KeyOfText(const std::string& text, const MemberTable& table);

/// The ledger forgets which values were written into rows that are not there any more, whoever removed them.
/// That they were there stays told. Behind a fetch: the hub has read the ledger by then. Looks at each entry
/// that has values; a source where all of these are there is not written to. `file`: opened with
/// Use::kChange. Memory: ids of what goes. Errors: those of SqliteFile.
absl::Status ForgetValuesOfGone(const SqliteFile& file, const ExchangeRules& rules);

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_FORGET_GONE_H_

#ifndef MIRROR_SERVER_DATA_CHECK_H_
#define MIRROR_SERVER_DATA_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace mirror {

/// What the column rules of the configuration would take from the mirrors that there are, where they are
/// others than those by which a table was agreed: for each tenant and table the columns, and how many of the
/// values that stand in them the next cycle empties, in sentences. For --check-config --data. Reads the
/// mirrors beside a server that has them open, and changes nothing. One that cannot be read is a sentence,
/// too. Errors: kFailedPrecondition: the key of [data] 'hash_key'; kUnimplemented: the mirrors are no files.
absl::StatusOr<std::vector<std::string>> CheckData(const ServerConfig& config);

/// Tables that the next cycle refuses for their column rules, in sentences: the mirror keeps rows of them
/// that no population sends again, under a key that has another rule now. For --check-config. It looks at
/// mirrors that are files, of tenants that the configuration has column rules for; `all`: of every tenant.
/// One that cannot be read is passed over. Errors: kFailedPrecondition: the key of [data] 'hash_key'.
absl::StatusOr<std::vector<std::string>> FindRefusedKeys(const ServerConfig& config, bool all);

/// Whether [data] 'dir' is a folder, or can become one. Errors: kFailedPrecondition.
absl::Status CheckDataFolder(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_DATA_CHECK_H_

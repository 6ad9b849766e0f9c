#ifndef MIRROR_SERVER_DATA_CHECK_H_
#define MIRROR_SERVER_DATA_CHECK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/config.h"

namespace mirror {

/// For --check-config --data. Returns, in sentences, what the configuration's column rules would take from
/// the existing mirrors, where they differ from the rules by which a table was agreed: for each tenant and
/// table the columns, and how many of their values the next cycle empties. Reads the mirrors while a server
/// has them open, and changes nothing. A mirror that cannot be read gives a sentence, too. Errors:
/// kFailedPrecondition: the key of [data] 'hash_key'; kUnimplemented: the mirrors are no files.
absl::StatusOr<std::vector<std::string>> CheckData(const ServerConfig& config);

/// For --check-config. Returns, in sentences, the tables that the next cycle refuses because of their column
/// rules: the mirror keeps rows that no population sends again, under a key that has another rule now. Checks
/// mirrors that are files, of tenants with column rules; `all`: of every tenant. Skips mirrors that it cannot
/// read. Errors: kFailedPrecondition: the key of [data] 'hash_key'.
absl::StatusOr<std::vector<std::string>> FindRefusedKeys(const ServerConfig& config, bool all);

/// Checks that [data] 'dir' is a folder, or can become one. Errors: kFailedPrecondition.
absl::Status CheckDataFolder(const ServerConfig& config);

}  // namespace mirror

#endif  // MIRROR_SERVER_DATA_CHECK_H_

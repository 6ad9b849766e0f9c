#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/source/source_finding.h"

// What people are told of a source in a server, whatever its kind.

namespace mirror {

/// Of a source that was not reached: the same error, with what that leaves and what to do.
absl::Status SourceAway(const absl::Status& status);

/// The same error with other words: what the code of its kind knows of it stays.
absl::Status WithWords(const absl::Status& status, const std::string& words);

inline constexpr char kNothingCommitted[] = "Nothing of the table is committed";

/// There was none of this name in the look.
absl::Status UnknownTable(const std::string& table);
/// The table is not what was announced.
absl::Status MovedTable(const std::string& table);
/// Values of it are not what was announced.
absl::Status MisfitsIn(const std::string& table);
/// The reading was broken off for who waits to change the table.
absl::Status LeftToOthers(const std::string& table);
/// Somebody changes the table's definition.
absl::Status LockedTable(const std::string& table);
/// The server was lost, or did not let the reader in: kUnavailable.
absl::Status LostWhileReading(const std::string& table, const absl::Status& status);
/// Another error of the reading, with its code and what the code of its kind knows of it.
absl::Status WhileReading(const std::string& table, const absl::Status& status);

/// Tables whose changes no log tells, by the reason.
void TellUnlogged(const std::map<std::string, std::vector<std::string>>& unlogged, SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_

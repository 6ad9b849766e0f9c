#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/source/source_finding.h"

// Messages and errors for people about a source on a server, of any kind.

namespace mirror {

/// Returns the error for a source that could not be reached: `status` with its consequence and what to do.
absl::Status SourceAway(const absl::Status& status);

/// Returns the same error with another message. The payloads that the kind of server set stay.
absl::Status WithWords(const absl::Status& status, const std::string& words);

inline constexpr char kNothingCommitted[] = "Nothing of the table is committed";

/// The look has no table of this name.
absl::Status UnknownTable(const std::string& table);
/// The table does not match its announcement.
absl::Status MovedTable(const std::string& table);
/// Some values do not match their announcement.
absl::Status MisfitsIn(const std::string& table);
/// The reading was cancelled because another session waits to change the table.
absl::Status LeftToOthers(const std::string& table);
/// Another session is changing the table's definition.
absl::Status LockedTable(const std::string& table);
/// The connection was lost, or the server refused the reader: kUnavailable.
absl::Status LostWhileReading(const std::string& table, const absl::Status& status);
/// Any other error of the reading; its code and its payloads from the kind of server stay.
absl::Status WhileReading(const std::string& table, const absl::Status& status);

/// Adds a finding for tables whose changes no log has, grouped by reason.
void TellUnlogged(const std::map<std::string, std::vector<std::string>>& unlogged, SourceFindings* findings);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_WORDS_H_

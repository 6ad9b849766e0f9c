#ifndef MIRROR_SERVER_STORAGES_STORAGE_IDS_H_
#define MIRROR_SERVER_STORAGES_STORAGE_IDS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace mirror {

/// The data source that every storage has: the storage's root tenant itself.
inline constexpr char kDefaultSource[] = "default";
inline constexpr std::size_t kStorageIdMax = 24;
inline constexpr std::size_t kStorageNameMax = 100;

/// Checks `^[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*$`, at most 24 characters: an id of a storage, a
/// data source or a mapper. `what` begins the message: "a storage". Errors: kInvalidArgument.
absl::Status CheckStorageId(std::string_view id, std::string_view what);
bool IsStorageId(std::string_view id);
/// Checks for 1 to 100 characters without control characters. Errors: kInvalidArgument.
absl::Status CheckStorageName(std::string_view name, std::string_view what);
/// Makes an id from a name: characters that an id cannot have become '_'.
std::string IdFromName(std::string_view name);
/// Returns the tenant of a data source of records: for "crm" in "Acme" it is "Acme--crm".
std::string TenantOfSource(std::string_view storage, std::string_view source);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGE_IDS_H_

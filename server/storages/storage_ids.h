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

/// `^[A-Za-z0-9_]+(-[A-Za-z0-9_]+)*$`, 24 characters at most: of a storage, a data source or a mapper. `what`
/// begins the message: "a storage". Errors: kInvalidArgument.
absl::Status CheckStorageId(std::string_view id, std::string_view what);
bool IsStorageId(std::string_view id);
/// 1 to 100 characters without control characters. Errors: kInvalidArgument.
absl::Status CheckStorageName(std::string_view name, std::string_view what);
/// The id that is made from a name: what no id can have becomes '_'.
std::string IdFromName(std::string_view name);
/// The tenant of a data source of records: that of "crm" in "Acme" is "Acme--crm".
std::string TenantOfSource(std::string_view storage, std::string_view source);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_STORAGE_IDS_H_

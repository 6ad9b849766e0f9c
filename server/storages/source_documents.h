#ifndef MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_
#define MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_

#include <optional>
#include <string>
#include <vector>

#include "server/plan/plan.h"
#include "server/storages/storages.h"

// What the root tenant of a storage keeps of it, as documents; further kinds: plan.h.

namespace mirror {

inline constexpr char kDataSourceKind[] = "datasource";  ///< By folded id.
inline constexpr char kMapperKind[] = "mapper";          ///< By folded id.

std::string StorageText(const std::string& name);
/// Empty: it cannot be read.
std::string StorageNameOf(const std::string& text);
std::string SourceText(const DataSource& source);
/// Absent: it cannot be read.
std::optional<DataSource> SourceOf(const std::string& text);
/// Those of a storage behind its default one. What cannot be read is none.
std::vector<DataSource> SourcesIn(const std::vector<Document>& documents);

}  // namespace mirror

#endif  // MIRROR_SERVER_STORAGES_SOURCE_DOCUMENTS_H_

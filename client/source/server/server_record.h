#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_RECORD_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_RECORD_H_

#include <map>
#include <string>

namespace mirror {

/// What was found in a table's values, and what of it people were told: kept as SourceTable.record, in the
/// form of the kind of server. `Id`: tells the table's columns apart. `TypeMark`: tells types apart.
template <typename Id, typename TypeMark>
struct ServerRecord {
  struct Found {
    TypeMark type = {};  ///< When it was found: that of another type says nothing.
    bool wide = false;   ///< A value does not fit the type.
    bool null = false;   ///< A row has no value, though the catalogs say that each has one.
    friend bool operator==(const Found&, const Found&) = default;
  };
  std::map<Id, Found> columns;
  std::string told;  ///< A digest; empty: nothing.
};

/// A column, as the record and people know it.
template <typename Id, typename TypeMark>
struct MarkedColumn {
  Id id = {};
  TypeMark type = {};
  std::string type_name;  ///< For people.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_RECORD_H_

#ifndef MIRROR_CLIENT_SOURCE_ODBC_ODBC_CONDITIONS_H_
#define MIRROR_CLIENT_SOURCE_ODBC_ODBC_CONDITIONS_H_

#include <string>
#include <vector>

#include "base/db/odbc/row_stream.h"
#include "client/source/odbc/odbc_table.h"
#include "proto/wire/key_range.h"

namespace mirror {

/// A value of a key for OdbcColumn::place.
odbc::Parameter OdbcKeyParameter(const OdbcColumn& column, const Column& announced, const KeyPart& part);

/// That a row's value is `from` or greater, as KeyPart compares them: a condition over the row t that keeps
/// every such row, and may keep others. Empty: there is none.
std::string OdbcFromSql(const OdbcColumn& column, const Column& announced, const KeyPart& from,
                        std::vector<odbc::Parameter>* parameters);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_ODBC_ODBC_CONDITIONS_H_

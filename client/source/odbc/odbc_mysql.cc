#include "client/source/odbc/odbc_dialect.h"
namespace mirror { std::unique_ptr<OdbcDialect> MakeOdbcMysql() { return nullptr; } }

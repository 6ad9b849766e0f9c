#ifndef MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// A statement of the binlog, as far as its words tell what it does. Quotes and comments are not taken for
/// such, so that no word is missed, whatever the session's sql_mode is. Views the text.
class StatementWords {
 public:
  explicit StatementWords(std::string_view sql);

  /// The one at this place, in lower case; empty: there are fewer.
  std::string Word(std::size_t place) const;
  std::size_t size() const { return words_.size(); }
  /// From the first ` to the end, in lower case; "`" where there is none.
  std::string Quoted() const;
  /// Whether the name may stand in it, in whatever case.
  bool Names(const std::string& name) const;
  /// It defines nothing, and changes no row of a table: GRANT, ANALYZE TABLE and others. A statement that may
  /// call a function is not harmless: the function may change any table.
  bool IsHarmless() const;
  /// It changes definitions, or rows of tables that it names, and nothing else: CREATE VIEW, DROP, RENAME. A
  /// CREATE TABLE with a SELECT is none, since the SELECT may call a function.
  bool IsDefinition() const;
  /// The name of the table that it empties, if it does nothing else; absent: that is not certain.
  std::optional<std::string> Truncates(std::string_view session_database, const std::string& database) const;

 private:
  bool MayQuery() const;

  std::string_view sql_;
  std::vector<std::string_view> words_;
  std::set<std::string> folded_;
  std::size_t verb_ = 0;  ///< Place of the first word that is not in a comment.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_

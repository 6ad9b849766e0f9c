#ifndef MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mirror {

/// A statement of the binlog, classified by its words. Words in quotes and comments count, too, so that no
/// word is missed, whatever the session's sql_mode is. Views the text.
class StatementWords {
 public:
  explicit StatementWords(std::string_view sql);

  /// Returns the word at this place, in lower case; empty: there are fewer words.
  std::string Word(std::size_t place) const;
  std::size_t size() const { return words_.size(); }
  /// Returns the text from the first backtick to the end, in lower case; "`" if there is none.
  std::string Quoted() const;
  /// Returns whether the statement may contain the name, in any case of letters.
  bool Names(const std::string& name) const;
  /// Returns whether the statement neither defines anything nor changes a row of a table: GRANT, ANALYZE
  /// TABLE and others. A statement that may call a function is not harmless, because the function may change
  /// any table.
  bool IsHarmless() const;
  /// Returns whether the statement only changes definitions, or rows of tables that it names: CREATE VIEW,
  /// DROP, RENAME. False for a CREATE TABLE with a SELECT, which may call a function.
  bool IsDefinition() const;
  /// Returns the name of the table that the statement empties. Absent: it may do something else.
  std::optional<std::string> Truncates(std::string_view session_database, const std::string& database) const;

 private:
  bool MayQuery() const;

  std::string_view sql_;
  std::vector<std::string_view> words_;
  std::set<std::string> folded_;
  std::size_t verb_ = 0;  ///< Place of the first word outside of a comment.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_STATEMENT_WORDS_H_

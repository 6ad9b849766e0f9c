#ifndef MIRROR_BASE_HTTP_CONNECTION_H_
#define MIRROR_BASE_HTTP_CONNECTION_H_

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <list>
#include <memory>
#include <string>

#include "base/http/body_room.h"
#include "base/http/listener.h"
#include "base/http/message.h"
#include "base/http/turns.h"

namespace mirror {

/// One connection of a listener. All its work runs in the listener's thread, except calls of the door that
/// make answers: HttpTurns runs these.
class HttpConnection {
 public:
  virtual ~HttpConnection() = default;
  virtual void Run() = 0;
  /// Ends the connection in any state.
  virtual void Close() = 0;
  /// Returns true if a request was admitted and is not answered yet. A request without an API key counts only
  /// when its body is complete, so that a stranger cannot occupy a place by announcing a body.
  bool has_asked() const { return has_asked_; }
  /// Returns true while an admitted body is incomplete.
  bool is_taking_body() const { return is_taking_body_; }
  /// Returns true while an answer is being sent.
  bool is_writing() const { return is_writing_; }
  /// Returns true if this answer is a stream.
  bool is_streaming() const { return is_streaming_; }

  /// Returns true if a request was admitted for an asker with a name, see HttpAdmission::asker.
  bool is_known() const { return is_known_; }

  // The connection's position in the listener's list. The listener alone uses this and the next members.
  std::list<std::shared_ptr<HttpConnection>>::iterator place;
  /// Result of AddressGroup() for the client. Empty: the client's address has no limit.
  std::string group;
  bool is_counted = false;  ///< The listener counts it among the strangers of its group.
  bool is_let_go = false;   ///< The listener closed it, and it has not called Left() yet.
  bool has_rested = false;  ///< One of its requests was answered.

 protected:
  bool is_known_ = false, has_asked_ = false, is_taking_body_ = false, is_writing_ = false,
       is_streaming_ = false;
};

/// The listener's interface for its connections. It must outlive them.
class HttpConnectionHost {
 public:
  virtual ~HttpConnectionHost() = default;
  virtual const HttpLimits& limits() const = 0;
  virtual HttpDoor& door() = 0;
  virtual HttpTurns& turns() = 0;
  virtual HttpBodyRoom& body_room() = 0;
  /// Returns true if no more requests are accepted.
  virtual bool is_stopping() const = 0;
  /// Reports that the connection's answer was sent and that it waits for another request. The listener may
  /// then close it to make room for another connection.
  virtual void Rests(HttpConnection& connection) = 0;
  /// Reports that a request of the connection was admitted for an asker with a name, for the first time.
  virtual void Knows(HttpConnection& connection) = 0;
  /// Returns true if the connection is a stranger and there are too many strangers. The connection is then
  /// closed after its answer.
  virtual bool IsOfCrowd(const HttpConnection& connection) const = 0;
  /// Reports that the connection has ended: it makes no more calls.
  virtual void Left(HttpConnection& connection) = 0;
};

/// Makes a connection over an accepted socket. Null `tls`: plain text.
std::shared_ptr<HttpConnection> MakeHttpConnection(HttpConnectionHost& host,
                                                   boost::asio::ip::tcp::socket socket,
                                                   std::shared_ptr<boost::asio::ssl::context> tls);

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_CONNECTION_H_

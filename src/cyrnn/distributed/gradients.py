"""Gradients of a batch, summed over MPI's ranks in an order that does not depend on their number.

The examples of a batch are cut into fixed groups. A rank has a range of neighbouring groups. The sum over all groups
is that of a binary tree over them, which is the same for any number of ranks:

    groups       0   1   2   3   4         rank 0: groups 0 and 1; rank 1: groups 2, 3 and 4
                  \\ /     \\ /    |
                   +       +     |         rank 1 sends the sum of groups 2 and 3 to rank 0,
                     \\   /       |         then that of group 4
                       +         |
                         \\      /
                            +              rank 0 sends the sum to all
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..nn._check import whole_number
from . import _check
from .sums import Failure, Sums

#: of our messages between two ranks
_TAG = 1987

class Gradients:
    """Sums of gradients over the examples of a batch, which the ranks of MPI share: the same bits for any number.

    Parameters
    ----------
    comm : communicator of mpi4py, optional
        By default MPI.COMM_WORLD: all ranks. Each of them has to make the object and to call `sum`.
    groups : int
        How many groups the examples of a batch are cut into, the same on every rank. It is a part of the result, as the
        size of the batch is; the number of ranks is not. More ranks than groups have nothing to do.

    Raises
    ------
    ValueError, TypeError
        If groups is no whole number of at least 1 or differs between ranks; if comm is no communicator.
    ImportError
        If comm is None and mpi4py is not installed: it is the extra `mpi`.

    See Also
    --------
    predict : Outputs by many processes, of a dask array.
    cyrnn.training.Adam : Makes better weights of the sums, on every rank the same.

    Notes
    -----
    The sum of a group is that of your function; the sums of groups 0 and 1 are added, those of 2 and 3, and so on, then
    the sums of these pairs, until there is one. The order is that of the groups alone, so the bits are.

    An exception in your function is raised by `sum` on every rank. One elsewhere, which leaves the other ranks in their
    next `sum`, ends all of them if the program is run with `mpiexec -n 4 python -m mpi4py program.py`.

    References
    ----------
    Demmel and Nguyen 2015, "Parallel reproducible summation", on sums that do not depend on the number of processors.

    Examples
    --------
    >>> from mpi4py import MPI
    >>> gradients = cyrnn.distributed.Gradients(MPI.COMM_SELF, groups=4)
    >>> x = np.arange(10.0)
    >>> gradients.parts(10)
    [slice(0, 2, None), slice(2, 5, None), slice(5, 7, None), slice(7, 10, None)]
    >>> gradients.sum(lambda rows: {"W": x[rows].sum(), "b": np.ones(2)}, 10)
    {'W': np.float64(45.0), 'b': array([4., 4.])}
    """

    def __init__(self, comm: Any = None, groups: int = 8) -> None:
        function = "distributed.Gradients"
        self.comm = _check.communicator(function, comm)
        self.groups = _check.agreed(function, "groups", self.comm.allgather(groups))
        self.rank, self.size = int(self.comm.Get_rank()), int(self.comm.Get_size())

    def parts(self, n: int) -> list[slice]:
        """Return this rank's groups of n examples: the slices that `sum` calls its function with, in this order.

        Parameters
        ----------
        n : int
            How many examples the whole batch has.

        Returns
        -------
        list of slice
            None of them empty: there are fewer groups where there are fewer examples.

        Raises
        ------
        ValueError, TypeError
            If n is no whole number of at least 1.

        See Also
        --------
        sum : Calls a function with them, and adds what it returns.

        Examples
        --------
        >>> from mpi4py import MPI
        >>> cyrnn.distributed.Gradients(MPI.COMM_SELF, groups=8).parts(2)
        [slice(0, 1, None), slice(1, 2, None)]
        """
        n = whole_number("Gradients.parts", "n", n, least=1)
        owners = self._owners(n)
        return [_rows(group, len(owners), n) for group, owner in enumerate(owners) if owner == self.rank]

    def sum(self, function: Callable[[slice], Mapping[str, Any]], n: int) -> dict[str, Any]:
        """Call a function for each of this rank's groups, and return the sums over the groups of all ranks.

        Parameters
        ----------
        function : callable
            Of the slice of a group's examples; it returns a dict of arrays of float32 or float64, or numbers, with the
            same names, shapes and dtypes for every group. They are added: divide by n, not by the size of the group.
        n : int
            How many examples the whole batch has, the same on every rank.

        Returns
        -------
        dict
            The sums, new arrays of the same dtypes; the same bits on every rank.

        Raises
        ------
        RuntimeError
            If the function raised on another rank.
        ValueError, TypeError
            If n is no whole number of at least 1 or differs between ranks; if the function returned something else.

        See Also
        --------
        parts : The slices that the function is called with.

        Notes
        -----
        All ranks call it, equally often. Groups are added as soon as they can be: a rank holds about the logarithm of
        its number of groups of them at a time.

        Examples
        --------
        >>> from mpi4py import MPI
        >>> import cyrnn.nn
        >>> head, x = cyrnn.nn.Linear(3, 2, rng=0), np.ones((100, 3), np.float32)
        >>> def mean_gradients(rows):
        ...     y, tape = head.forward(x[rows])
        ...     return head.backward(tape, np.ones_like(y) / np.float32(100)).weights
        >>> sums = cyrnn.distributed.Gradients(MPI.COMM_SELF).sum(mean_gradients, 100)
        >>> sums["bias"].round(5)
        array([1., 1.], dtype=float32)
        """
        name = "Gradients.sum"
        n = _check.agreed(name, "n", self.comm.allgather(n))
        pass_ = _Pass(self.comm, self.rank, self._owners(n), n, function)
        found = pass_.everywhere(pass_.node(0, len(pass_.owners)))
        if pass_.error is not None:
            raise pass_.error
        if isinstance(found, Failure):
            _check.failed(name, found.rank, found.sentence)
        return {key: array[()] for key, array in found.arrays().items()}  # a number for an array without axes

    def _owners(self, n: int) -> list[int]:
        """Return the rank of each group: neighbouring ones, as many as the other ranks have, or one more."""
        count = min(self.groups, n)
        return [rank for rank in range(self.size) for _ in range(*_rows(rank, self.size, count).indices(count))]


@dataclass
class _Pass:
    """One sum over all groups, as a rank takes part in it."""

    comm: Any
    rank: int
    owners: list[int]
    n: int
    function: Callable[[slice], Mapping[str, Any]]
    error: Exception | None = None  # of this rank

    def node(self, first: int, last: int) -> Sums | Failure | None:
        """Return the sums over the groups from `first` to before `last`, on the rank of the first; None on others."""
        if self.rank not in self.owners[first:last]:
            return None
        if last - first == 1:
            return self._group(first)
        middle = first + (1 << (last - first - 1).bit_length() - 1)
        left, right = self.node(first, middle), self.node(middle, last)
        to, source = self.owners[first], self.owners[middle]
        if self.rank == source != to:
            self._send(right, to)
        if self.rank != to:
            return None
        return self._add(left, right if source == to else self._receive(source))

    def everywhere(self, sums: Sums | Failure | None) -> Sums | Failure:
        """Return on every rank what the rank of the first group has."""
        root = self.owners[0]
        head = self.comm.bcast(sums.layout if isinstance(sums, Sums) else sums, root)
        if isinstance(head, Failure):
            return head
        found = sums if isinstance(sums, Sums) else Sums.empty(head)
        for buffer in found.sent:
            self.comm.Bcast(buffer, root)
        return found

    def _group(self, group: int) -> Sums | Failure:
        if self.error is not None:
            return self._failure()
        try:
            found = self.function(_rows(group, len(self.owners), self.n))
            return Sums.of(_check.gradients("Gradients.sum", found))
        except Exception as error:  # raised again when the other ranks have learnt of it
            self.error = error
            return self._failure()

    def _failure(self) -> Failure:
        return Failure(self.rank, f"{type(self.error).__name__}: {self.error}")

    def _add(self, left: Any, right: Any) -> Sums | Failure:
        """Add right to left, in its place."""
        for sums in (left, right):
            if isinstance(sums, Failure):
                return sums
        try:
            _check.alike("Gradients.sum", left.layout, right.layout)
        except ValueError as error:
            self.error = error
            return self._failure()
        for into, buffer in zip(left.buffers, right.buffers, strict=True):
            into += buffer
        return left  # type: ignore[no-any-return]  # no failure, so sums

    def _send(self, sums: Any, to: int) -> None:
        if isinstance(sums, Failure):
            self.comm.send(sums, to, _TAG)
            return
        self.comm.send(sums.layout, to, _TAG)
        for buffer in sums.sent:
            self.comm.Send(buffer, to, _TAG)

    def _receive(self, source: int) -> Sums | Failure:
        head = self.comm.recv(None, source, _TAG)
        if isinstance(head, Failure):
            return head
        found = Sums.empty(head)
        for buffer in found.sent:
            self.comm.Recv(buffer, source, _TAG)
        return found


def _rows(part: int, parts: int, n: int) -> slice:
    """Return the part of n things that are cut into parts of equal size, or one more."""
    return slice(n * part // parts, n * (part + 1) // parts)

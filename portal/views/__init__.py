"""What each page is told: frozen values that a route fills in and a template reads, one module an area.

A page's class names its template. A template can use only the fields of its page, the
:class:`~portal.views.page.Shell` around it, :mod:`portal.paths` and the filters of :mod:`portal.rendering`;
anything else is an error when it is rendered.
"""
